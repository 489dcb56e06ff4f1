//! Compares everything in the databases except their rows.

use std::collections::BTreeSet;

use machine::Result;
use tokio_postgres::Client;

use super::connection::{Pair, refused};

const FACTS: &str = include_str!("facts.sql");

/// The subject of each fact, and its value.
type Facts = BTreeSet<(String, String)>;

/// The differences of the restored database; `since_then` if the original may have got new partitions.
pub(super) async fn compare(pair: &Pair, since_then: bool) -> Result<Vec<String>> {
    let (source, restored) = tokio::try_join!(facts(&pair.source.client), facts(&pair.restored.client))?;
    let newer = if since_then { partitions_only_in(&source, &restored) } else { Vec::new() };
    let name = |(what, _): &(String, String)| what.clone();
    let lost: BTreeSet<String> = source.difference(&restored).map(name).collect();
    let found: BTreeSet<String> = restored.difference(&source).map(name).collect();

    let of_newer = |what: &String| newer.iter().any(|partition| what.contains(partition));
    let missing = lost.difference(&found).filter(|what| !of_newer(what)).map(|what| format!("{what}: missing"));
    let other = lost.intersection(&found).map(|what| format!("{what}: not as in the original"));
    let unknown = found.difference(&lost).map(|what| format!("{what}: not in the original"));
    Ok(missing.chain(other).chain(unknown).collect())
}

async fn facts(client: &Client) -> Result<Facts> {
    let rows = client.query_typed(FACTS, &[]).await.map_err(refused)?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<std::result::Result<_, _>>()
        .map_err(refused)
}

/// The names of the partitions that only `one` has.
fn partitions_only_in(one: &Facts, other: &Facts) -> Vec<String> {
    let partitions = |facts: &Facts| -> BTreeSet<String> {
        facts.iter().filter_map(|(what, _)| Some(what.strip_prefix("partition ")?.to_owned())).collect()
    };
    partitions(one).difference(&partitions(other)).cloned().collect()
}
