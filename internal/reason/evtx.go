package reason

// evtxRows are the reasons of package evtx.
var evtxRows = rows{}
