-- Top products
-- Question: Which three products lead each category in 2002, and how much does the category depend on them?
-- How to read: place is by net sales within the category, place_overall among all products, category_share the product's
--   part of the net sales of its category. abc_class A: one of the products that together make up the first 80 percent of
--   all net sales, B: up to 95 percent, C: the rest; a leader of class C leads a small category. For another year change
--   sale_year.
SELECT
    category,
    revenue_rank_in_category AS place,
    item_id,
    SUBSTRING(item_desc, 1, 24) AS description,
    units_sold,
    net_sales,
    category_share,
    revenue_rank_overall AS place_overall,
    abc_class,
    return_rate_lines
FROM gold.product_performance
WHERE sale_year = '2002' AND revenue_rank_in_category <= 3
ORDER BY category, place, item_id
