//! Health: what a monitor asks, without a token.

use serde_json::json;

use super::{
    client::Request,
    shape::TEXT,
    walk::{Walk, Walked},
};

pub(super) fn walk(walk: &mut Walk) -> Walked {
    let get = |path| Request::new("GET", path);
    walk.step("says that it is there", get("/api/health"))?.ok(&json!({"status": "ok", "version": TEXT}))?;
    walk.step("reaches its database", get("/api/health/ready"))?.ok(&json!({"status": "ok"}))?;
    Ok(())
}
