-- The typical words of each cluster.
SELECT "cluster", array_to_string(top_terms(coalesce(title, text), 3), ' · ') AS terms
FROM explored
GROUP BY "cluster"
