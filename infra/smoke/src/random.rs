//! Random numbers, for passwords and for the mark of a walk.

use ring::rand::{SecureRandom, SystemRandom};

use super::error::{Error, Result};

/// 32 random bytes in hexadecimal.
pub(super) fn hex() -> Result<String> {
    let mut bytes = [0_u8; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::sentence("The system has no random numbers."))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
