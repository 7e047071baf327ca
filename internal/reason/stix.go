package reason

// stixRows are the reasons of package stix.
var stixRows = rows{}
