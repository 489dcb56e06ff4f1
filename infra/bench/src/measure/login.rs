//! The cost of a password: a login compared with the hash alone.

use machine::{Error, Result, progress};
use shared::auth::Passwords;

use super::{Bench, milliseconds};
use crate::{
    call::call,
    figure::{Figure, Rounds, Target, Unit},
    fixture::PASSWORD,
    system, unit,
};

const LOGINS: i64 = 20;

impl Bench<'_> {
    pub(super) async fn login(&self, figures: &mut Vec<Figure>) -> Result<()> {
        progress::say(format_args!("Logins: {LOGINS} …"));
        let units = unit::all(&self.fixture.reader, &self.fixture.writer);
        let login = units.iter().find(|unit| unit.route == "/api/auth/login");
        let login = login.ok_or_else(|| Error::sentence("There is no login."))?;
        let function = self.start("auth").await?;
        let passwords = Passwords::default();
        let hash = async || passwords.hash(PASSWORD).await.map_err(|_| Error::sentence("Argon2id failed."));
        hash().await?;
        call(&function, &login.event(0), login.status).await?;

        // Nine tenths of it are the hash.
        let mut cpu = Rounds::new("login: CPU", Unit::Milliseconds, Target::Ratio(1.11)).beside("Argon2id");
        for _ in 0..LOGINS {
            let before = system::cpu_time(function.process_id());
            call(&function, &login.event(0), login.status).await?;
            cpu.ours.push(milliseconds(system::cpu_time(function.process_id()) - before));
            let before = system::cpu_time(std::process::id());
            hash().await?;
            cpu.floor.push(milliseconds(system::cpu_time(std::process::id()) - before));
        }
        figures.extend(cpu.figure());
        let memory = Rounds::new("auth: memory after 20 logins", Unit::Mebibytes, Target::AtMost(32.0));
        figures.extend(Self::memory_of(&function, memory).figure());
        Ok(())
    }
}
