//! The temporary PostgreSQL server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use machine::postgres::Cluster;
use tokio_postgres::{Client, NoTls};

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn directory(cluster: &Cluster) -> PathBuf {
    cluster.ca_pem_path().parent().unwrap().to_owned()
}

/// Whether the condition comes true within ten seconds.
fn soon(mut question: impl FnMut() -> bool) -> bool {
    (0..500).any(|_| {
        let holds = question();
        if !holds {
            thread::sleep(Duration::from_millis(20));
        }
        holds
    })
}

#[tokio::test]
async fn a_temporary_cluster_speaks_utf8_and_sorts_by_code_point() {
    let cluster = Cluster::temporary().unwrap();
    let client = connect(&cluster.url("postgres")).await;

    let row = client.query_one("SELECT 'é' > 'z', 'B' < 'a', current_setting('server_encoding')", &[]).await.unwrap();

    assert_eq!((row.get(0), row.get(1), row.get(2)), (true, true, "UTF8"));
}

#[tokio::test]
async fn every_statement_is_in_the_log_without_its_values() {
    let cluster = Cluster::temporary().unwrap();
    let client = connect(&cluster.url("postgres")).await;

    client.query_one("SELECT length($1) -- a mark", &[&"a value"]).await.unwrap();
    client.query_one("SELECT $1::text::int -- a failure", &[&"another value"]).await.unwrap_err();

    let log = cluster.log().unwrap();
    assert!(log.contains("-- a mark") && log.contains("-- a failure"), "{log}");
    assert!(!log.contains("a value"), "{log}");
}

#[tokio::test]
async fn a_stopped_cluster_comes_back_with_its_data_at_the_same_port() {
    let cluster = Cluster::temporary().unwrap();
    let client = connect(&cluster.url("postgres")).await;
    client.batch_execute("CREATE TABLE kept ()").await.unwrap();

    cluster.stop().unwrap();
    let refused = TcpStream::connect((cluster.host(), cluster.port()));
    cluster.start().unwrap();

    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    connect(&cluster.url("postgres")).await.query_typed("SELECT FROM kept", &[]).await.unwrap();
}

#[tokio::test]
async fn a_paused_cluster_accepts_connections_and_responds_after_it_was_resumed() {
    let cluster = Cluster::temporary().unwrap();
    cluster.pause().unwrap();

    let url = cluster.url("postgres");
    let connection = tokio::spawn(async move { connect(&url).await });
    TcpStream::connect((cluster.host(), cluster.port())).unwrap();
    assert!(!connection.is_finished());
    cluster.resume().unwrap();

    connection.await.unwrap().query_one("SELECT", &[]).await.unwrap();
}

#[test]
fn a_dropped_cluster_leaves_nothing_behind() {
    let cluster = Cluster::temporary().unwrap();
    let (directory, port) = (directory(&cluster), cluster.port());
    cluster.pause().unwrap();

    drop(cluster);

    assert!(!directory.exists());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn two_clusters_do_not_disturb_each_other() {
    let (one, other) = (Cluster::temporary().unwrap(), Cluster::temporary().unwrap());

    one.stop().unwrap();

    assert!(!one.is_running().unwrap() && other.is_running().unwrap());
}

#[test]
fn a_temporary_cluster_disappears_with_its_process() {
    for end in ["KILL", "INT", "TERM"] {
        let mut holder = Holder::start();
        assert!(holder.directory.exists() && is_running(&holder.postmaster));

        kill(end, &holder.process.id().to_string());
        holder.process.wait().unwrap();

        assert!(holder.is_gone(), "{} after SIG{end}", holder.directory.display());
    }
}

#[test]
fn a_leaked_temporary_cluster_disappears_with_its_process() {
    let mut holder = Holder::start();

    drop(holder.process.stdin.take());
    holder.process.wait().unwrap();

    assert!(holder.is_gone(), "{}", holder.directory.display());
}

#[test]
#[ignore = "not a test: the process that Holder starts"]
fn hold_a_cluster_until_stdin_ends() {
    let cluster = Box::leak(Box::new(Cluster::temporary().unwrap()));
    let directory = directory(cluster);
    let postmaster = fs::read_to_string(directory.join("data/postmaster.pid")).unwrap();
    let mut out = io::stdout();
    writeln!(out, "\ncluster\n{}\n{}", directory.display(), postmaster.lines().next().unwrap()).unwrap();
    io::copy(&mut io::stdin(), &mut io::sink()).unwrap();
}

/// A separate process that owns a cluster.
struct Holder {
    process: Child,
    /// Kept open, because the process still writes to it when it ends.
    _output: BufReader<ChildStdout>,
    directory: PathBuf,
    postmaster: String,
}

impl Holder {
    fn start() -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "hold_a_cluster_until_stdin_ends"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut lines = output.by_ref().lines().map(Result::unwrap).skip_while(|line| line != "cluster").skip(1);
        let (directory, postmaster) = (lines.next().unwrap().into(), lines.next().unwrap());
        drop(lines);
        Self { process, _output: output, directory, postmaster }
    }

    fn is_gone(&self) -> bool {
        soon(|| !self.directory.exists() && !is_running(&self.postmaster))
    }
}

fn kill(signal: &str, process: &str) -> bool {
    let mut kill = Command::new("/bin/sh");
    kill.args(["-c", r#"kill -s "$1" "$2""#, "sh", signal, process]).stderr(Stdio::null());
    kill.status().unwrap().success()
}

fn is_running(process: &str) -> bool {
    kill("0", process)
}
