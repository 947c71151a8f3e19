-- Who was given a grant and never came is looked for every half minute.
CREATE INDEX participants_absent ON participants (invited_at_ms) WHERE joined_at_ms IS NULL;
