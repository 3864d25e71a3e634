-- Value tiers by cohort
-- Question: Did the customers won in one year turn out better than those won in another?
-- How to read: a cohort is everybody whose first purchase lies in the year. cohort_share is the tier's part of the cohort's
--   customers, net_sales_share its part of the cohort's net sales. Younger cohorts had less time to buy: compare
--   net_sales_per_active_month rather than net sales. Tiers are by net sales among all buyers: Platinum the best 5 percent,
--   Gold the next 15, Silver the next 30.
WITH tiers AS (
    SELECT
        cohort_year,
        value_tier,
        CASE value_tier WHEN 'Platinum' THEN 1 WHEN 'Gold' THEN 2 WHEN 'Silver' THEN 3 ELSE 4 END AS tier_no,
        COUNT(*) AS customers,
        SUM(order_count) AS order_count,
        SUM(active_months) AS active_months,
        SUM(net_sales) AS net_sales
    FROM gold.customer_lifetime_value
    WHERE cohort_year <> 'undated'
    GROUP BY cohort_year, value_tier
)
SELECT
    cohort_year,
    tier_no,
    value_tier,
    customers,
    ROUND(CAST(customers AS DOUBLE) / NULLIF(SUM(customers) OVER (PARTITION BY cohort_year), 0), 4) AS cohort_share,
    net_sales,
    ROUND(CAST(net_sales AS DOUBLE) / NULLIF(SUM(net_sales) OVER (PARTITION BY cohort_year), 0), 4) AS net_sales_share,
    ROUND(CAST(order_count AS DOUBLE) / NULLIF(customers, 0), 2) AS orders_per_customer,
    ROUND(CAST(net_sales AS DOUBLE) / NULLIF(active_months, 0), 2) AS net_sales_per_active_month
FROM tiers
ORDER BY cohort_year, tier_no
