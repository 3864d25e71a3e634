-- Seasonality
-- Question: Which months of the year are strong and which are weak, and is the pattern the same in every channel?
-- How to read: each index is a month's gross sales over those of an average month of its year, averaged over 1998 to 2002:
--   1 is an average month, 2 twice as much. all_low and all_high are the lowest and the highest year of all channels
--   together: where they lie far apart, the month is no reliable season.
SELECT
    month,
    ROUND(AVG(CAST(seasonal_index AS DOUBLE)) FILTER (WHERE channel = 'all'), 3) AS all_index,
    MIN(seasonal_index) FILTER (WHERE channel = 'all') AS all_low,
    MAX(seasonal_index) FILTER (WHERE channel = 'all') AS all_high,
    ROUND(AVG(CAST(seasonal_index AS DOUBLE)) FILTER (WHERE channel = 'store'), 3) AS store_index,
    ROUND(AVG(CAST(seasonal_index AS DOUBLE)) FILTER (WHERE channel = 'catalog'), 3) AS catalog_index,
    ROUND(AVG(CAST(seasonal_index AS DOUBLE)) FILTER (WHERE channel = 'web'), 3) AS web_index
FROM gold.monthly_trends
WHERE year BETWEEN '1998' AND '2002' AND is_complete_month
GROUP BY month
ORDER BY month
