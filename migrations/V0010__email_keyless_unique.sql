-- The accounts without a key.
CREATE UNIQUE INDEX users_email_keyless_key ON users (email COLLATE "C") WHERE email_key IS NULL;
COMMENT ON INDEX users_email_keyless_key IS 'An account without a key is found by its address as entered.';
