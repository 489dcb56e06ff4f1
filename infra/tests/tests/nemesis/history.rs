//! The history of a run: every request with the times of its invocation and completion, every fault, and the final
//! state. It has requests and responses, without any conclusions of a client.

use std::{fmt, time::Duration};

/// The time since the start of the run.
pub(crate) type At = Duration;

/// The history of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// The id of each user in the API.
    pub(crate) users: Vec<i64>,
    pub(crate) operations: Vec<Operation>,
    pub(crate) faults: Vec<Injected>,
    pub(crate) end: End,
}

/// A request and its response.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// The user who sent it.
    pub(crate) user: usize,
    pub(crate) action: Action,
    pub(crate) invoked: At,
    pub(crate) completed: At,
    pub(crate) response: Response,
}

/// The content of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Registers a user of this name, which does nothing afterwards.
    Register(Name),
    Login,
    Create(Kind, Name),
    /// Assigns a doctor to a patient.
    Assign {
        patient: i64,
        doctor: i64,
    },
    Read(Kind, i64),
    List(Kind),
    /// Lists the doctors of a patient.
    ListOf(i64),
    Update(Kind, i64, Name),
    Delete(Kind, i64),
}

/// The kinds of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Patient,
    Doctor,
    Mapping,
}

/// The name of a record: it identifies its user and the write that set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name {
    /// The user who created it.
    pub(crate) user: usize,
    /// The number of the creation.
    pub(crate) birth: u64,
    /// The number of the creation or update that set this name.
    pub(crate) edit: u64,
}

/// A response.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) by: By,
    /// The request id from the gateway.
    pub(crate) request: String,
    /// The records in it.
    pub(crate) rows: Vec<Row>,
}

/// The sender of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Function,
    Gateway,
    /// There is no response: the connection ended, or the client timed out.
    Missing,
}

/// The outcome of a write according to its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Acknowledged,
    Refused,
    Unknown,
}

/// A record in a response or a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) kind: Kind,
    pub(crate) id: i64,
    /// 1 for a mapping, which cannot be changed.
    pub(crate) version: i64,
    /// The name, for a mapping that of its patient; `None` for one that was never written.
    pub(crate) name: Option<Name>,
    /// Whether the other fields are those that were written with the name.
    pub(crate) is_whole: bool,
    /// The id of the user in the record, for a patient.
    pub(crate) owner: Option<i64>,
    /// Patient and doctor, for a mapping.
    pub(crate) pair: Option<(i64, i64)>,
}

/// A fault and its duration.
#[derive(Clone, Debug)]
pub(crate) struct Injected {
    pub(crate) kind: &'static str,
    /// The kind with its parameters.
    pub(crate) what: String,
    /// Whether it ends processes during their work, for which the gateway responds by itself.
    pub(crate) kills_environments: bool,
    pub(crate) begun: At,
    pub(crate) healed: At,
    /// The time after that until each function had responded to a request.
    pub(crate) recovered: Duration,
}

/// The state after all requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct End {
    pub(crate) at: At,
    /// The rows of the tables.
    pub(crate) tables: Vec<Row>,
    /// The names in the table of users.
    pub(crate) names: Vec<Name>,
    /// The lists of the API for each user.
    pub(crate) listed: Vec<Vec<Row>>,
    /// The rows of the audit trail about changes.
    pub(crate) audit: Vec<Audited>,
}

/// A row of the audit trail with the outcome `ok`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Audited {
    pub(crate) action: String,
    pub(crate) record: Option<i64>,
    pub(crate) request: String,
}

impl Name {
    /// A name given at creation.
    pub(crate) fn new(user: usize, birth: u64) -> Self {
        Self { user, birth, edit: birth }
    }

    /// The name that another write gives the same record.
    pub(crate) fn edited(self, edit: u64) -> Self {
        Self { edit, ..self }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("Nemesis ")?.split(' ');
        let mut next = || parts.next()?.parse::<u64>().ok();
        let name = Self { user: usize::try_from(next()?).ok()?, birth: next()?, edit: next()? };
        parts.next().is_none().then_some(name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nemesis {} {} {}", self.user, self.birth, self.edit)
    }
}

impl Response {
    pub(crate) fn outcome(&self) -> Outcome {
        match self.status {
            200..=299 => Outcome::Acknowledged,
            400..=499 => Outcome::Refused,
            _ => Outcome::Unknown,
        }
    }
}

impl Operation {
    pub(crate) fn took(&self) -> Duration {
        self.completed.saturating_sub(self.invoked)
    }
}

impl Action {
    /// The action's name in the audit trail, if it changes something.
    pub(crate) fn audited_as(self) -> Option<&'static str> {
        Some(match self {
            Self::Register(_) => "auth.register",
            Self::Login => "auth.login",
            Self::Create(Kind::Doctor, _) => "doctor.create",
            Self::Create(_, _) => "patient.create",
            Self::Assign { .. } => "mapping.create",
            Self::Update(Kind::Doctor, _, _) => "doctor.update",
            Self::Update(_, _, _) => "patient.update",
            Self::Delete(Kind::Patient, _) => "patient.delete",
            Self::Delete(Kind::Doctor, _) => "doctor.delete",
            Self::Delete(Kind::Mapping, _) => "mapping.delete",
            Self::Read(..) | Self::List(_) | Self::ListOf(_) => return None,
        })
    }
}
