-- Return hot spots
-- Question: In which classes of products does more come back than usual, and what does it cost?
-- How to read: return_rate is returned lines over sold lines of 1998 to 2002, usual_rate the same of all products.
--   extra_return_lines came back beyond the usual rate. z tells chance from cause: it is the distance from the usual rate in
--   standard deviations. Of a hundred classes two exceed 2 by chance alone; above 3 it is worth a look. Classes with
--   fewer than 100 lines are left out; the list ends after 20.
WITH classes AS (
    SELECT
        category,
        COALESCE(class, 'UNKNOWN') AS class_name,
        SUM(line_count) AS line_count,
        SUM(return_line_count) AS return_line_count,
        SUM(returns_amt) AS returns_amt
    FROM gold.product_performance
    WHERE sale_year BETWEEN '1998' AND '2002'
    GROUP BY 1, 2
),
rates AS (
    SELECT
        category,
        class_name,
        line_count,
        return_line_count,
        returns_amt,
        CAST(return_line_count AS DOUBLE) / NULLIF(line_count, 0) AS return_rate,
        CAST(SUM(return_line_count) OVER () AS DOUBLE) / NULLIF(SUM(line_count) OVER (), 0) AS usual_rate
    FROM classes
)
SELECT
    category,
    class_name,
    line_count,
    return_line_count,
    returns_amt,
    ROUND(return_rate, 4) AS return_rate,
    ROUND(usual_rate, 4) AS usual_rate,
    ROUND(return_line_count - usual_rate * line_count, 1) AS extra_return_lines,
    ROUND((return_rate - usual_rate) / NULLIF(SQRT(usual_rate * (1 - usual_rate) / NULLIF(line_count, 0)), 0), 2) AS z
FROM rates
WHERE line_count >= 100 AND return_rate > usual_rate
ORDER BY z DESC, category, class_name
LIMIT 20
