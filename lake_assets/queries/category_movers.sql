-- Category movers
-- Question: Which categories of products grew and which shrank in 2002, and by how much money?
-- How to read: the categories that gained most come first. Net sales are the sales of the year less whatever came back of
--   them; growth 0.05 is 5 percent more than in 2001, share_change 0.01 one point more of all net sales. items_growing and
--   items_shrinking tell whether the whole category moved or a few items. For other years change the two years.
WITH categories AS (
    SELECT
        category,
        COALESCE(SUM(net_sales) FILTER (WHERE sale_year = '2001'), 0) AS net_sales_2001,
        COALESCE(SUM(net_sales) FILTER (WHERE sale_year = '2002'), 0) AS net_sales_2002,
        COUNT(*) FILTER (WHERE sale_year = '2002' AND gross_sales_yoy_pct > 0) AS items_growing,
        COUNT(*) FILTER (WHERE sale_year = '2002' AND gross_sales_yoy_pct < 0) AS items_shrinking
    FROM gold.product_performance
    WHERE sale_year IN ('2001', '2002')
    GROUP BY category
),
shares AS (
    SELECT
        category,
        net_sales_2001,
        net_sales_2002,
        items_growing,
        items_shrinking,
        CAST(net_sales_2001 AS DOUBLE) / NULLIF(SUM(net_sales_2001) OVER (), 0) AS share_2001,
        CAST(net_sales_2002 AS DOUBLE) / NULLIF(SUM(net_sales_2002) OVER (), 0) AS share_2002
    FROM categories
)
SELECT
    category,
    net_sales_2001,
    net_sales_2002,
    net_sales_2002 - net_sales_2001 AS gained,
    ROUND(CAST(net_sales_2002 - net_sales_2001 AS DOUBLE) / NULLIF(net_sales_2001, 0), 4) AS growth,
    ROUND(share_2002, 4) AS share,
    ROUND(share_2002 - share_2001, 4) AS share_change,
    items_growing,
    items_shrinking
FROM shares
ORDER BY gained DESC, category
