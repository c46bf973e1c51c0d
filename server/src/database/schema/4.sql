-- Step 4. What was seen.

ALTER TABLE hours ADD COLUMN visible_ms BIGINT NOT NULL DEFAULT 0;
