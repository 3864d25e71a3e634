-- Best months
-- Question: Which three months brought the most, in each channel and in all together?
-- How to read: place 1 is the month with the highest net sales (sales of the month less returns of the month).
--   times_average compares it with an average month of the channel: 2.0 is twice as much. Months that lie only in part
--   within the dates of sales do not count, nor does 2003, when sales end channel by channel.
WITH ranked AS (
    SELECT
        channel,
        month_start_date,
        order_count,
        gross_sales,
        returns_amt,
        net_sales,
        AVG(CAST(net_sales AS DOUBLE)) OVER (PARTITION BY channel) AS mean_net_sales,
        ROW_NUMBER() OVER (PARTITION BY channel ORDER BY net_sales DESC, month_start_date) AS place
    FROM gold.monthly_trends
    WHERE year BETWEEN '1998' AND '2002' AND is_complete_month
)
SELECT
    channel,
    place,
    month_start_date,
    order_count,
    gross_sales,
    returns_amt,
    net_sales,
    ROUND(CAST(net_sales AS DOUBLE) / NULLIF(mean_net_sales, 0), 2) AS times_average
FROM ranked
WHERE place <= 3
ORDER BY channel, place
