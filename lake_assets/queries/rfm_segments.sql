-- RFM segments
-- Question: Which groups of customers are there by recency, frequency and money, and what may be expected of each?
-- How to read: segments with the highest net sales so far come first. customer_share and net_sales_share far apart mean a
--   segment that matters more, or less, than its size. expected_orders and expected_value are the forecast of the next 365
--   days, summed over the segment's customers. Cannot Lose and At Risk were good and have not been seen for long.
WITH segments AS (
    SELECT
        rfm_segment,
        COUNT(*) AS customers,
        SUM(order_count) AS order_count,
        SUM(net_sales) AS net_sales,
        SUM(expected_orders_12m) AS expected_orders,
        SUM(ltv_12m) AS expected_value,
        AVG(CAST(recency_days AS DOUBLE)) AS mean_recency_days
    FROM gold.customer_lifetime_value
    GROUP BY rfm_segment
)
SELECT
    rfm_segment,
    customers,
    ROUND(CAST(customers AS DOUBLE) / NULLIF(SUM(customers) OVER (), 0), 4) AS customer_share,
    net_sales,
    ROUND(CAST(net_sales AS DOUBLE) / NULLIF(SUM(net_sales) OVER (), 0), 4) AS net_sales_share,
    ROUND(CAST(net_sales AS DOUBLE) / NULLIF(customers, 0), 2) AS net_sales_per_customer,
    ROUND(CAST(order_count AS DOUBLE) / NULLIF(customers, 0), 2) AS orders_per_customer,
    ROUND(mean_recency_days, 1) AS mean_recency_days,
    ROUND(CAST(expected_orders AS DOUBLE), 1) AS expected_orders,
    ROUND(CAST(expected_value AS DOUBLE), 2) AS expected_value
FROM segments
ORDER BY net_sales DESC, rfm_segment
