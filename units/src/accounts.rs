//! The users that a system's units may name: what passwd(5) says of them.
//!
//! Pure: is given the text of the file. Users from elsewhere (LDAP, homed), and those who are only made later in the boot,
//! are not in it, and need not be.

/// The text of passwd(5), looked through when a unit names a user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounts {
    text: String,
}

/// A user that units run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The login name.
    pub name: String,
    /// The home directory.
    pub home: String,
}

impl Accounts {
    /// The users of a passwd(5) text.
    pub fn of(text: String) -> Self {
        Self { text }
    }

    /// Finds the user that `User=` means, systemd.exec(5): a name, or a number.
    pub fn find(&self, user: &str) -> Option<Account> {
        self.text.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let number = fields.nth(1)?;
            let home = fields.nth(2)?;
            let is_meant = name == user || number == user;
            is_meant.then(|| Account { name: name.to_owned(), home: home.to_owned() })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name_and_by_number() {
        let text = "root:x:0:0:root:/root:/bin/sh\nbroken\nweb:x:990:980::/nonexistent:\n";
        let accounts = Accounts::of(text.to_owned());
        let web = Account { name: "web".to_owned(), home: "/nonexistent".to_owned() };
        assert_eq!(accounts.find("web"), Some(web.clone()));
        assert_eq!(accounts.find("990"), Some(web));
        assert_eq!(accounts.find("99"), None);
        assert_eq!(accounts.find("nobody"), None);
    }
}
