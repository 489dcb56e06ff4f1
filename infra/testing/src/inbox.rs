//! A server that takes whatever is sent to it, as S3 takes the responses to CloudFormation.

use rig::http::Connection;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Mutex, mpsc},
};

/// An address at which things arrive.
pub struct Inbox {
    port: u16,
    delivered: Mutex<mpsc::UnboundedReceiver<Delivery>>,
}

/// What arrived.
#[derive(Debug)]
pub struct Delivery {
    /// Method and path with query, such as `PUT /path?query`.
    pub line: String,
    /// Its content type.
    pub content_type: Option<String>,
    /// The body.
    pub body: String,
}

impl Inbox {
    /// One that answers with these statuses, one after the other, and from then on with the last of them.
    pub async fn open(statuses: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (deliver, delivered) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut statuses = statuses.iter().copied();
            let mut status = "500 Internal Server Error";
            while let Ok((stream, _)) = listener.accept().await {
                status = statuses.next().unwrap_or(status);
                if let Some(delivery) = take(stream, status).await {
                    let _ = deliver.send(delivery);
                }
            }
        });
        Self { port, delivered: Mutex::new(delivered) }
    }

    /// A URL of it, which ends as a pre-signed one does.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/arn%3Aaws%3Acloudformation?X-Amz-Signature=canary%2Fsignature%3D", self.port)
    }

    /// What arrived next.
    pub async fn next(&self) -> Delivery {
        self.delivered.lock().await.recv().await.expect("a server that runs")
    }

    /// Whether nothing else has arrived.
    pub async fn is_empty(&self) -> bool {
        self.delivered.lock().await.is_empty()
    }
}

/// One delivery of one connection, which ends with it.
async fn take(stream: TcpStream, status: &str) -> Option<Delivery> {
    let mut connection = Connection::new(stream).ok()?;
    let request = connection.request().await.ok()??;
    connection.respond(status, "connection: close\r\n", "").await.ok()?;
    Some(Delivery {
        content_type: request.header("content-type").map(str::to_owned),
        line: format!("{} {}", request.method, request.path),
        body: String::from_utf8(request.body).ok()?,
    })
}
