//! No request of a megabyte costs more than 50 ms of a processor, of the binaries as they are deployed.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use std::{fs, time::Duration};

use fuzz::growth::{Event, event, shapes};
use rig::lambda::{Environment, Limits, Outcome};
use shared::{
    auth::{KeySet, Tokens},
    clock::Clock,
    secrets::Cached,
};
use testing::KEY;
use tokio::runtime::Builder;

/// The largest body that is read.
const SIZE: usize = 1 << 20;
/// The processor time that a request may take.
const MOST: Duration = Duration::from_millis(50);
/// How often each is sent: what something else on the machine costs it once, it does not cost it again.
const TIMES: usize = 3;

/// The processor time of a process so far: what it has run, by the scheduler's accounting.
fn spent(function: &Environment) -> Duration {
    let text = fs::read_to_string(format!("/proc/{}/schedstat", function.process_id())).unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// What the events of one function cost, if it is too much.
async fn too_dear(name: &'static str, events: &[(String, Event)]) -> Vec<String> {
    let variables = [
        // Nothing listens there: what passes is answered 503.
        ("DATABASE_URL", "postgres://user:password@127.0.0.1:1/none".to_owned()),
        ("JWT_SECRET", KEY.to_owned()),
    ];
    let function = Environment::start(&bench::binary(name).unwrap(), &variables, &Limits::default()).await.unwrap();
    let mut dear = Vec::new();
    for (shape, hostile) in events.iter().filter(|(_, event)| event.path.starts_with(&format!("/api/{name}"))) {
        let mut least = Duration::MAX;
        for _ in 0..TIMES {
            let before = spent(&function);
            let outcome = function.invoke(&hostile.json).await;
            let answered = matches!(&outcome, Outcome::Response(response) if !response.contains(r#""statusCode":500"#));
            assert!(answered, "{shape}: {outcome:?}");
            least = least.min(spent(&function) - before);
        }
        if least > MOST {
            dear.push(format!("{shape}: {least:?}"));
        }
    }
    dear
}

#[test]
fn no_request_of_a_megabyte_takes_more_than_50_milliseconds_of_a_processor() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let keys = Cached::fixed(KeySet::of(KEY).unwrap());
    let session = "0b9e9b5c-2b0a-4f5e-8d59-6f2f7f9b7a11".parse().unwrap();
    let tokens = Tokens::new(keys, Clock::System, Duration::from_secs(3600));
    let token = runtime.block_on(tokens.sign("7".parse().unwrap(), session)).unwrap();
    let with_event = |shape: String| (shape.clone(), event(&shape, SIZE, &token));
    let events: Vec<_> = shapes().into_iter().map(with_event).collect();

    let dear = ["auth", "patients", "doctors", "mappings"].map(|name| runtime.block_on(too_dear(name, &events)));

    assert_eq!(dear.concat(), [] as [String; 0]);
}
