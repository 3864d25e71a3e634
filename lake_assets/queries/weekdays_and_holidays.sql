-- Weekdays, weekends and holidays
-- Question: On which days of the week do people buy and bring things back, and what does a holiday change?
-- How to read: a holiday counts as holiday only, on whichever day of the week it falls. orders_per_day, gross_per_day and
--   returns_per_day are means of all channels together over days of the kind. against_week compares the gross sales with the
--   mean of the seven days around each day, which takes the season out: 1.10 is 10 percent more than the days around it.
WITH calendar_days AS (
    SELECT
        date_sk,
        CASE WHEN is_holiday THEN 'holiday' WHEN is_weekend THEN 'weekend' ELSE 'weekday' END AS kind_of_day,
        CASE WHEN is_holiday THEN 'any' ELSE day_name END AS day_name,
        SUM(order_count) AS order_count,
        SUM(gross_sales) AS gross_sales,
        SUM(returns_amt) AS returns_amt
    FROM gold.daily_sales_summary
    WHERE sales_month BETWEEN '1998-01' AND '2002-12'
    GROUP BY 1, 2, 3
),
compared AS (
    SELECT
        kind_of_day,
        day_name,
        order_count,
        gross_sales,
        returns_amt,
        AVG(CAST(gross_sales AS DOUBLE)) OVER (ORDER BY date_sk ROWS BETWEEN 3 PRECEDING AND 3 FOLLOWING) AS mean_around
    FROM calendar_days
)
SELECT
    kind_of_day,
    day_name,
    COUNT(*) AS days,
    ROUND(AVG(CAST(order_count AS DOUBLE)), 2) AS orders_per_day,
    ROUND(AVG(CAST(gross_sales AS DOUBLE)), 2) AS gross_per_day,
    ROUND(AVG(CAST(returns_amt AS DOUBLE)), 2) AS returns_per_day,
    ROUND(CAST(SUM(gross_sales) AS DOUBLE) / NULLIF(SUM(mean_around), 0), 4) AS against_week
FROM compared
GROUP BY kind_of_day, day_name
ORDER BY kind_of_day, day_name
