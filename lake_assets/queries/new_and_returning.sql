-- New and returning customers
-- Question: Does the business live on new customers or on those it already has?
-- How to read: new customers buy for the first time ever in the month, in any channel; returning ones have bought before.
--   customers_so_far counts everybody who has bought up to then, and active_share is the part of them who buy in the month.
--   The first months call everybody new: no purchases before 1998 are known.
WITH months AS (
    SELECT
        month_start_date,
        active_customers,
        new_customers,
        returning_customers,
        order_count,
        gross_sales,
        SUM(new_customers) OVER (ORDER BY month_start_date ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS customers_so_far
    FROM gold.monthly_trends
    WHERE year BETWEEN '1998' AND '2002' AND channel = 'all'
)
SELECT
    month_start_date,
    active_customers,
    new_customers,
    returning_customers,
    ROUND(CAST(new_customers AS DOUBLE) / NULLIF(active_customers, 0), 4) AS new_share,
    customers_so_far,
    ROUND(CAST(active_customers AS DOUBLE) / NULLIF(customers_so_far, 0), 4) AS active_share,
    ROUND(CAST(order_count AS DOUBLE) / NULLIF(active_customers, 0), 2) AS orders_per_active_customer,
    ROUND(CAST(gross_sales AS DOUBLE) / NULLIF(active_customers, 0), 2) AS gross_per_active_customer
FROM months
ORDER BY month_start_date
