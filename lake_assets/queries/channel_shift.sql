-- Channel shift
-- Question: Does business move from one channel to another over the years?
-- How to read: share is the channel's part of the gross sales of the year, share_change the difference to the year before
--   (0.01 is one point gained from the other channels), growth the channel's own growth (0.05 is 5 percent more). A channel
--   may grow and lose share. 2003 is left out, because sales end in it channel by channel.
WITH years AS (
    SELECT
        year,
        channel,
        SUM(order_count) AS order_count,
        SUM(gross_sales) AS gross_sales,
        SUM(net_sales) AS net_sales
    FROM gold.monthly_trends
    WHERE year BETWEEN '1998' AND '2002' AND channel <> 'all'
    GROUP BY year, channel
),
shares AS (
    SELECT
        year,
        channel,
        order_count,
        gross_sales,
        net_sales,
        CAST(gross_sales AS DOUBLE) / NULLIF(SUM(gross_sales) OVER (PARTITION BY year), 0) AS share
    FROM years
),
compared AS (
    SELECT
        year,
        channel,
        order_count,
        gross_sales,
        net_sales,
        share,
        LAG(share) OVER (PARTITION BY channel ORDER BY year) AS share_before,
        LAG(gross_sales) OVER (PARTITION BY channel ORDER BY year) AS gross_sales_before
    FROM shares
)
SELECT
    year,
    channel,
    order_count,
    gross_sales,
    net_sales,
    ROUND(share, 4) AS share,
    ROUND(share - share_before, 4) AS share_change,
    ROUND(CAST(gross_sales - gross_sales_before AS DOUBLE) / NULLIF(gross_sales_before, 0), 4) AS growth
FROM compared
ORDER BY year, channel
