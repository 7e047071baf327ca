package role

// Version is meneki's version, set when it is built for release.
var Version = "0.1.0-dev"
