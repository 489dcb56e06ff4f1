//! Records what a function sends to the database for a request.

use machine::Result;
use rig::{
    lambda::{Environment, Limits},
    proxy::{Message, Proxy},
};

use super::{
    binaries::Binaries,
    call::call,
    fixture::Fixture,
    unit::{SPARES, Unit},
};

/// The messages of one request, and their cost.
pub(super) struct Recording {
    pub(super) messages: Vec<Message>,
    /// Round trips.
    pub(super) flights: usize,
    /// Bytes that were sent.
    pub(super) bytes: usize,
}

impl Recording {
    /// Records a function that already has its connection.
    pub(super) async fn new(fixture: &Fixture<'_>, binaries: &Binaries, unit: &Unit<'_>) -> Result<Self> {
        let proxy = Proxy::start(fixture.database.cluster.port()).await;
        let variables = fixture.variables(Some(proxy.port));
        let function = Environment::start(&binaries.bootstrap(unit.function), &variables, &Limits::default()).await?;
        function.ready().await?;
        let _ = function.invoke(&unit.event(SPARES - 2)).await;
        let _ = (proxy.take_flights(), proxy.take_messages());
        call(&function, &unit.event(SPARES - 1), unit.status).await?;
        let (flights, messages) = (proxy.take_flights(), proxy.take_messages());
        let bytes = messages.iter().map(|message| message.content.len() + 5).sum();
        Ok(Self { messages, flights, bytes })
    }
}
