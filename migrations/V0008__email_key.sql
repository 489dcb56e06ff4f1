-- What makes two addresses one account: email_key, which the program computes. No locale of the database has a say in it.

-- Empty for accounts that were registered before, until the migrate function fills it in; it stays empty where another
-- account has the key already, or where the address is one that nobody can register any more.
ALTER TABLE users
    ADD COLUMN email_key text COLLATE "C"
        CONSTRAINT users_email_key_check CHECK (octet_length(email_key) BETWEEN 3 AND 320);
CREATE UNIQUE INDEX users_email_key_key ON users (email_key);
CREATE UNIQUE INDEX users_email_keyless_key ON users (email COLLATE "C") WHERE email_key IS NULL;

COMMENT ON COLUMN users.email IS 'As they entered it, trimmed; what is compared is email_key.';
COMMENT ON COLUMN users.email_key IS
    'The address as it is compared: NFKC and full case folding before the @, A-labels behind it. Null: compared as entered.';
COMMENT ON INDEX users_email_key_key IS 'One account an address, in whatever spelling.';
COMMENT ON INDEX users_email_keyless_key IS 'An account without a key is found by its address as entered.';

GRANT INSERT (email_key) ON users TO app_auth;
