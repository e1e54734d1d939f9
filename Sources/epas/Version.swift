/// The program's version, as in CHANGELOG.md.
let programVersion = "0.1.0"
