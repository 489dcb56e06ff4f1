use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;

const EVENT: &str = r#"{"requestContext":{"http":{"method":"POST"}}}"#;

/// The connection of the next event that arrives at the emulator; it takes the response.
async fn received(emulator: &TcpListener) -> TcpStream {
    let (mut stream, _) = emulator.accept().await.unwrap();
    let mut bytes = [0; 4096];
    let mut text = String::new();
    while !text.contains(EVENT) {
        let length = stream.read(&mut bytes).await.unwrap();
        text.push_str(std::str::from_utf8(&bytes[..length]).unwrap());
    }
    stream
}

async fn respond(mut stream: TcpStream) {
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
}

async fn ready_function() -> (TcpListener, Arc<Function>) {
    let emulator = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let function = Arc::new(Function::new("auth", emulator.local_addr().unwrap().port()));
    function.set(ProcessState::Ready(1, 200));
    (emulator, function)
}

fn call(function: &Arc<Function>) -> tokio::task::JoinHandle<Outcome> {
    let function = Arc::clone(function);
    tokio::spawn(async move { function.invoke(EVENT.to_owned()).await })
}

#[tokio::test]
async fn an_event_whose_client_has_hung_up_keeps_its_turn_until_its_response() {
    let (emulator, function) = ready_function().await;
    let first = call(&function);
    let waiting = received(&emulator).await;

    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert!(function.turn.try_lock().is_err(), "the next one would wait in the emulator");

    let second = call(&function);
    respond(waiting).await;
    respond(received(&emulator).await).await;
    assert!(matches!(second.await.unwrap(), Outcome::Response(response) if response == "{}"));
}

#[tokio::test]
async fn an_event_whose_client_has_hung_up_loses_its_turn_with_the_process() {
    let (emulator, function) = ready_function().await;
    let first = call(&function);
    let _waiting = received(&emulator).await;
    first.abort();

    function.set(ProcessState::Starting(2));

    drop(function.turn.lock().await);
}

#[tokio::test]
async fn an_event_whose_client_hangs_up_before_its_turn_is_not_handed_over() {
    let (emulator, function) = ready_function().await;
    function.set(ProcessState::Starting(2));
    let first = call(&function);
    // It has its turn, and waits for the process.
    while function.turn.try_lock().is_ok() {
        tokio::task::yield_now().await;
    }
    first.abort();
    let _ = first.await;

    function.set(ProcessState::Ready(2, 200));
    let second = call(&function);
    respond(received(&emulator).await).await;

    assert!(matches!(second.await.unwrap(), Outcome::Response(_)));
}
