//! The kinds of instruments.

macro_rules! kinds {
    ($($(#[$when:meta])? $variant:ident $name:literal $doc:literal),+ $(,)?) => {
        /// What an instrument measures.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Kind { $($(#[$when])? #[doc = $doc] $variant),+ }

        impl Kind {
            pub(crate) const ALL: &[Self] = &[$($(#[$when])? Self::$variant),+];

            /// In snapshots and scrapes; also the name of the label that has an instrument's name.
            pub(crate) const fn name(self) -> &'static str {
                match self { $($(#[$when])? Self::$variant => $name),+ }
            }
        }
    };
}

kinds! {
    Cache "cache" "Lookups of a cache.",
    Pool "pool" "Checkouts from a pool of connections.",
    Queue "queue" "A channel or a queue.",
    Io "io" "A reader or a writer.",
    Lazy "lazy" "A value that is made at its first use.",
    Query "db" "Statements of a database.",
    Http "server" "Requests of an HTTP server.",
    #[cfg(test)] TestUses "test_uses" "Of the tests of uses.",
    #[cfg(test)] TestNames "test_names" "Of the tests of names.",
}
