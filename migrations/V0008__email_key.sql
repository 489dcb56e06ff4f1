-- What makes two addresses one account: email_key, which the program computes. No locale of the database has a say in it.

-- Empty for accounts that were registered before, until the migrate function fills it in; it stays empty where another
-- account has the key already, or where the address is one that nobody can register any more.
ALTER TABLE users ADD COLUMN email_key text COLLATE "C";
ALTER TABLE users
    ADD CONSTRAINT users_email_key_check CHECK (octet_length(email_key) BETWEEN 3 AND 320) NOT VALID;

COMMENT ON COLUMN users.email IS 'As they entered it, trimmed; what is compared is email_key.';
COMMENT ON COLUMN users.email_key IS
    'The address as it is compared: NFKC and full case folding before the @, A-labels behind it. Null: compared as entered.';

GRANT INSERT (email_key) ON users TO app_auth;
