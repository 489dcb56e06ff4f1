-- The release that wrote no email_key compared lower(email), which depends on the database's locale.
DROP INDEX users_email_key;
