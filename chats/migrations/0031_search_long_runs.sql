-- As in 0008, but without words of more than 2,046 bytes, which PostgreSQL refuses as lexemes: only
-- scripts without spaces have such words, and there characters and pairs of them are looked up instead.
-- Blocks without enough characters of several bytes are not searched for them.
CREATE OR REPLACE FUNCTION search_terms(lines text, extra text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN array_to_tsvector(CASE
    WHEN octet_length(lines) - length(lines) < 1364
        THEN array_remove(array_remove(string_to_array(lines || extra, ' '), ''), E'\n')
    ELSE ARRAY(
        SELECT w FROM unnest(string_to_array(lines || extra, ' ')) AS w
        WHERE w NOT IN ('', E'\n') AND octet_length(w) <= 2046
    )
END);
