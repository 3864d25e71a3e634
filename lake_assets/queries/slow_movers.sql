-- Slow movers
-- Question: Which products sell little and lie in stock for long, and how much money is tied up in them?
-- How to read: products of class C (the last 5 percent of net sales) whose stock lasts longer than the stock of their
--   category as a whole, longest first. weeks_of_supply: weeks of 2002's sales that were in stock on average;
--   category_weeks: the same of the category. stock_at_cost: average stock times what a sold unit cost. The list ends
--   after 20 products. For another year change sale_year (2003 has no counts of stock).
WITH stocked AS (
    SELECT
        category,
        item_id,
        item_desc,
        abc_class,
        units_sold,
        net_sales,
        wholesale_cost,
        avg_on_hand,
        weeks_of_supply,
        SUM(CAST(avg_on_hand AS DOUBLE) * snapshot_count) OVER (PARTITION BY category) AS category_on_hand,
        SUM(units_sold) OVER (PARTITION BY category) AS category_units_sold
    FROM gold.product_performance
    WHERE sale_year = '2002' AND weeks_of_supply IS NOT NULL
),
compared AS (
    SELECT
        category,
        item_id,
        item_desc,
        abc_class,
        units_sold,
        net_sales,
        wholesale_cost,
        avg_on_hand,
        weeks_of_supply,
        category_on_hand / NULLIF(category_units_sold, 0) AS category_weeks
    FROM stocked
)
SELECT
    item_id,
    SUBSTRING(item_desc, 1, 24) AS description,
    category,
    units_sold,
    net_sales,
    avg_on_hand,
    weeks_of_supply,
    ROUND(category_weeks, 2) AS category_weeks,
    ROUND(avg_on_hand * (CAST(wholesale_cost AS DOUBLE) / NULLIF(units_sold, 0)), 2) AS stock_at_cost
FROM compared
WHERE abc_class = 'C' AND weeks_of_supply > category_weeks
ORDER BY weeks_of_supply DESC, item_id
LIMIT 20
