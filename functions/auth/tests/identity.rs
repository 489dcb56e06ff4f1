//! Equivalent spellings of an address are one account; a password is the same from every keyboard.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, phc::PasswordHash},
};
use serde_json::json;
use shared::config::Role;
use testing::{Response, TestApp, TestDb};
use tokio_postgres::types::Type;

const PASSWORD: &str = "securePassword123";

async fn app() -> TestApp {
    TestApp::start(Role::Auth, auth::ROUTES).await
}

fn on(db: TestDb) -> TestApp {
    TestApp::new(db, &[(Role::Auth, auth::ROUTES)], |_| {}, TestDb::pool)
}

async fn register_as(app: &TestApp, name: &str, email: &str, password: &str) -> Response {
    app.anonymous().post("/api/auth/register", json!({"name": name, "email": email, "password": password})).await
}

async fn register(app: &TestApp, email: &str) -> Response {
    register_as(app, "A", email, PASSWORD).await
}

async fn login(app: &TestApp, email: &str, password: &str) -> Response {
    app.anonymous().post("/api/auth/login", json!({"email": email, "password": password})).await
}

/// Addresses; those of one line are one mailbox.
const MAILBOXES: [&[&str]; 14] = [
    &["café@example.com", "cafe\u{301}@example.com", "CAFÉ@EXAMPLE.COM", " CAFE\u{301}@example.com "],
    &["k@example.com", "K@example.com", "\u{212a}@example.com"],
    &["i@example.com", "I@example.com"],
    &["i\u{307}@example.com", "\u{130}@example.com", "I\u{307}@example.com"],
    &["ı@example.com"],
    &["straße@example.com", "STRASSE@example.com", "strasse@example.com", "STRAẞE@example.com"],
    &["σς@example.com", "ΣΣ@example.com", "σσ@example.com"],
    &["ﬁn@example.com", "fin@example.com", "ＦＩＮ@example.com"],
    &["info@x.example", "INFO@x.example", "Info@X.EXAMPLE"],
    &["ümit@x.example", "ÜMIT@x.example", "u\u{308}mit@x.example"],
    &["d@bücher.example", "d@xn--bcher-kva.example", "d@BU\u{308}CHER.example", "D@XN--BCHER-KVA.EXAMPLE"],
    &["d@пример.example", "d@ПРИМЕР.example", "d@xn--e1afmkfd.example"],
    &["d@東京スシbar.example", "d@東京スシBAR.example"],
    &["ᾳ@example.com", "α\u{345}@example.com", "αι@example.com"],
];

async fn one_mailbox_is_one_account_on(app: &TestApp) {
    for mailbox in MAILBOXES {
        let first = mailbox.first().unwrap();
        register(app, first).await.expect(201);
        for same in mailbox {
            assert_eq!(register(app, same).await.status, 409, "{same}");
            assert_eq!(login(app, same, PASSWORD).await.status, 200, "{same}");
        }
    }
    assert_eq!(app.db.count("users").await, i64::try_from(MAILBOXES.len()).unwrap());
}

#[tokio::test]
async fn one_mailbox_is_one_account_in_whatever_spelling() {
    one_mailbox_is_one_account_on(&app().await).await;
}

#[tokio::test]
async fn no_locale_of_the_database_changes_which_account_is_found() {
    for locale in ["LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR' LOCALE 'C'", "LOCALE_PROVIDER libc LOCALE 'C'"] {
        one_mailbox_is_one_account_on(&on(TestDb::in_locale(locale).await)).await;
    }
}

/// Characters that are invisible, or not allowed in an address.
const HIDDEN: &[char] = &[
    '\u{200b}',
    '\u{200c}',
    '\u{200d}',
    '\u{feff}',
    '\u{ad}',
    '\u{202e}',
    '\u{2066}',
    '\u{200e}',
    '\u{61c}',
    '\u{2060}',
    '\u{3164}',
    '\u{ffa0}',
    '\u{115f}',
    '\u{34f}',
    '\u{fe0f}',
    '\u{180e}',
    '\u{e0041}',
    '\u{2800}',
    '\u{7f}',
    '\u{85}',
    '\u{1}',
    '\u{a0}',
    '\u{2028}',
    '\u{fff9}',
    '\u{e000}',
];

/// Addresses that cannot receive mail, or look like another address.
const REFUSED: &[&str] = &[
    "z@gооgle.com",
    "z@xn--ggle-55da.com",
    "z@exаmple.com",
    "z@аpple.рф",
    "z@ɡοοgle.com",
    "z@пpимер.рф",
    "z@гugл.中国",
    ".d@example.com",
    "d.@example.com",
    "d..x@example.com",
    "d\u{2024}\u{2024}x@example.com",
    "a,b@example.com",
    "a;b@example.com",
    "a:b@example.com",
    "<script>@example.com",
    "＜x＞@example.com",
    "\"a\"@example.com",
    "a(b)@example.com",
    "a[b]@example.com",
    "a\\b@example.com",
    "mailto:h@example.com",
    "x@1.2.3.4",
    "x@１.2.3.4",
    "x@1.2.3.0x4",
    "x@example.123",
    "x@xn--a-.com",
    "x@xn--.com",
    "a＠b@example.com",
    "a¨b@example.com",
    "x@a..b",
    "x@.",
    "x@example.com/",
    "x@\u{301}a.com",
    "x@my‐bank.example",
    "x@my−bank.example",
    "x@hospital.example∕login.evil.example",
    "x@hospital.example⁄login.evil.example",
    "z\u{1107f}@example.com",
    "\u{301}@example.com",
    "аdmin@example.com",
];

#[tokio::test]
async fn an_address_with_invisible_or_confusable_characters_is_refused() {
    let app = app().await;
    // White space at an end is trimmed.
    let at_the_end = HIDDEN.iter().filter(|c| !c.is_whitespace()).map(|c| format!("{c}z@example.com"));
    let inside = HIDDEN.iter().flat_map(|c| [format!("z{c}z@example.com"), format!("z@exa{c}mple.com")]);
    let hidden = at_the_end.chain(inside);
    let long = format!("{}@example.com", "é".repeat(33));
    for email in REFUSED.iter().map(|email| (*email).to_owned()).chain(hidden).chain([long]) {
        let refused = register(&app, &email).await;
        assert_eq!(refused.status, 400, "{email:?}");
        assert_eq!(refused.wrong_fields(), ["email"], "{email:?}");
    }
    for email in ["o'neil+x@example.co.uk", "山田@日本.example", "x@नमस्ते.example", "x@הדוגמה.example", "x@a--b.example"]
    {
        assert_eq!(register(&app, email).await.status, 201, "{email}");
    }
}

/// An account registered before there were keys, with a hash of exactly these bytes.
async fn add_old(db: &TestDb, email: &str, password: &str) {
    let hash: PasswordHash =
        Argon2::default().hash_password_with_salt(password.as_bytes(), b"0123456789abcdef").unwrap();
    let sql = "INSERT INTO users (name, email, password_hash) VALUES ('A', $1, $2)";
    db.owner().await.execute_typed(sql, &[(&email, Type::TEXT), (&hash.to_string(), Type::TEXT)]).await.unwrap();
}

#[tokio::test]
async fn old_accounts_get_their_keys_and_conflicting_ones_stay_unchanged() {
    let db = TestDb::new().await;
    for (email, password) in [
        ("Zoë@example.com", "the first password"),
        ("Zoe\u{308}@example.com", "the second password"),
        ("z\u{200b}@example.com", "a hidden password"),
        (".dot@example.com", "a dotted password"),
        ("Ann@Example.com", "the password of Ann"),
    ] {
        add_old(&db, email, password).await;
    }
    for _ in 0..2 {
        migrate::run(&mut db.owner().await, &[]).await.unwrap();
    }
    let app = on(db);

    let sql = "SELECT id || ' ' || coalesce(email_key, '-') FROM users ORDER BY id";
    let rows = app.db.owner().await.query_typed(sql, &[]).await.unwrap();
    let keys: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(keys, ["1 zoë@example.com", "2 -", "3 -", "4 -", "5 ann@example.com"]);
    for (email, password, status) in [
        ("ZOË@example.com", "the first password", 200),
        ("Zoë@example.com", "the first password", 200),
        ("Zoe\u{308}@example.com", "the second password", 200),
        ("Zoe\u{308}@example.com", "the first password", 401),
        ("z\u{200b}@example.com", "a hidden password", 200),
        ("z@example.com", "a hidden password", 401),
        (".dot@example.com", "a dotted password", 200),
        ("ANN@example.com", "the password of Ann", 200),
    ] {
        assert_eq!(login(&app, email, password).await.status, status, "{email}");
    }
    for taken in ["ZOË@example.com", "zoe\u{308}@example.com", "ann@example.com"] {
        assert_eq!(register(&app, taken).await.status, 409, "{taken}");
    }
    let log = testing::log();
    for line in [
        "accounts_that_share_an_address\",\"detail\":\"1 accounts, by id: 2",
        "accounts_with_an_old_address\",\"detail\":\"2 accounts, by id: 3, 4",
    ] {
        assert!(log.contains(line), "{log}");
    }
}

#[tokio::test]
async fn an_account_without_its_key_is_taken_as_it_was_entered() {
    let app = app().await;
    add_old(&app.db, "Ann@example.com", PASSWORD).await;

    assert_eq!(register(&app, "Ann@example.com").await.status, 409);
    login(&app, " Ann@example.com", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_password_is_the_same_in_both_forms_of_unicode() {
    let (composed, decomposed) = ("pâté-de-campagne-2026", "pa\u{302}te\u{301}-de-campagne-2026");
    let app = app().await;
    for (email, password) in [("a@example.com", composed), ("b@example.com", decomposed)] {
        register_as(&app, "A", email, password).await.expect(201);
        for either in [composed, decomposed] {
            login(&app, email, either).await.expect(200);
        }
        assert_eq!(login(&app, email, "pate-de-campagne-2026").await.status, 401);
    }
    // 128 characters in NFC, in whatever form they are sent; 129 are too many.
    let (longest, decomposed) = ("éa".repeat(64), "e\u{301}a".repeat(64));
    register_as(&app, "A", "c@example.com", &decomposed).await.expect(201);
    login(&app, "c@example.com", &longest).await.expect(200);
    let more = register_as(&app, "A", "d@example.com", &format!("{decomposed}e\u{301}")).await;
    assert_eq!(more.wrong_fields(), ["password"]);
    let seven = register_as(&app, "A", "d@example.com", "e\u{301}a\u{301}i\u{301}o\u{301}u\u{301}y\u{301}n").await;
    assert_eq!(seven.wrong_fields(), ["password"]);
}

#[tokio::test]
async fn a_hash_of_an_unnormalized_password_is_replaced_by_one_of_its_nfc() {
    let (composed, decomposed) = ("pâté-de-campagne-2026", "pa\u{302}te\u{301}-de-campagne-2026");
    let app = app().await;
    add_old(&app.db, "a@example.com", decomposed).await;

    assert_eq!(login(&app, "a@example.com", composed).await.status, 401);
    login(&app, "a@example.com", decomposed).await.expect(200);
    login(&app, "a@example.com", composed).await.expect(200);
    login(&app, "a@example.com", decomposed).await.expect(200);
}

#[tokio::test]
async fn a_password_that_is_no_secret_is_refused() {
    let app = app().await;
    for (password, message) in [
        ("        ", "must contain a visible character"),
        ("\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}", "must contain a visible character"),
        ("\u{3164}\u{2800}\u{a0}\u{301}\u{feff}\u{3164}\u{2800}\u{a0}", "must contain a visible character"),
        ("aaaaaaaa", "must not be one character repeated"),
        ("ééééééééé", "must not be one character repeated"),
        ("e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}", "must not be one character repeated"),
        ("q\u{301}q\u{301}q\u{301}q\u{301}q\u{301}q\u{301}q\u{301}q\u{301}", "must not be one character repeated"),
        ("a\u{200b}a\u{200b}a\u{200b}a\u{200b}", "must not be one character repeated"),
        ("🔑🔑🔑🔑🔑🔑🔑🔑", "must not be one character repeated"),
        ("👍🏽👍🏽👍🏽👍🏽", "must not be one character repeated"),
        ("🇩🇪🇩🇪🇩🇪🇩🇪", "must not be one character repeated"),
        ("👩\u{200d}⚕👩\u{200d}⚕👩\u{200d}⚕", "must not be one character repeated"),
        ("john.doe@bücher.example", "must not be your name or your e-mail"),
        (" John.Doe@XN--BCHER-KVA.example ", "must not be your name or your e-mail"),
        ("JOHN.DOE@BU\u{308}CHER.EXAMPLE", "must not be your name or your e-mail"),
        ("Jöhn van Doe", "must not be your name or your e-mail"),
        (" JO\u{308}HN  VAN DOE ", "must not be your name or your e-mail"),
        ("jöhnvandoe", "must not be your name or your e-mail"),
    ] {
        let refused = register_as(&app, "Jöhn van Doe", "John.Doe@bücher.example", password).await;
        assert_eq!(refused.expect(400)["errors"], json!([{"field": "password", "message": message}]), "{password:?}");
    }
    for (number, password) in ["aaaaaaab", "a       ", "my name is Jöhn van Doe", "🇩🇪🇫🇷🇩🇪🇫🇷"].into_iter().enumerate()
    {
        let added = register_as(&app, "Jöhn van Doe", &format!("{number}@example.com"), password).await;
        assert_eq!(added.status, 201, "{password:?}");
    }
}
