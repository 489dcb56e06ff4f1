-- One account an address. An index each for the two kinds of accounts, so that writers wait for one at a time.
CREATE UNIQUE INDEX users_email_key_key ON users (email_key);
COMMENT ON INDEX users_email_key_key IS 'One account an address, in whatever spelling.';
