-- Top customers
-- Question: Who are the twenty best customers, and how much does the business depend on them?
-- How to read: share is the customer's part of the net sales of all customers since 1998, cumulative_share that of all
--   customers down to this place. A high recency_days with a high place is a good customer who has not been seen for long.
--   Names and addresses are personal data and stay out: look a customer up by customer_sk where you may.
WITH total AS (
    SELECT SUM(net_sales) AS all_net_sales
    FROM gold.customer_lifetime_value
    WHERE cohort_year <> 'undated'
),
best AS (
    SELECT
        customer_sk,
        customer_id,
        order_count,
        preferred_channel,
        recency_days,
        rfm_segment,
        value_tier,
        net_sales
    FROM gold.customer_lifetime_value
    WHERE cohort_year <> 'undated'
    ORDER BY net_sales DESC, customer_sk
    LIMIT 20
),
placed AS (
    SELECT
        customer_sk,
        customer_id,
        order_count,
        preferred_channel,
        recency_days,
        rfm_segment,
        value_tier,
        net_sales,
        ROW_NUMBER() OVER (ORDER BY net_sales DESC, customer_sk) AS place
    FROM best
)
SELECT
    placed.place,
    placed.customer_sk,
    placed.customer_id,
    placed.order_count,
    placed.preferred_channel,
    placed.recency_days,
    placed.rfm_segment,
    placed.value_tier,
    placed.net_sales,
    ROUND(CAST(placed.net_sales AS DOUBLE) / NULLIF(total.all_net_sales, 0), 6) AS share,
    ROUND(
        CAST(SUM(placed.net_sales) OVER (ORDER BY placed.place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS DOUBLE)
        / NULLIF(total.all_net_sales, 0),
        6
    ) AS cumulative_share
FROM placed
CROSS JOIN total
ORDER BY place
