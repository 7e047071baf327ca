// Package misp reads and writes the JSON of MISP: events, feeds of them, and the same as
// STIX 2.1 objects, both ways. It does no I/O but on the readers and writers it is given,
// reads no clock, and decides nothing but what a marking of MISP means (see Handling).
//
// # Into STIX
//
// An event is a report; its attributes are indicators where they are for detection, else
// observed data, and custom objects (x-misp-attribute) where STIX has no word for them.
// Ids follow from the uuids of MISP, so that an event gives the same objects each time.
// What STIX cannot say stays in custom properties: x_misp_event, x_misp_attribute,
// x_misp_object and so on hold the fields as they came, and ToMISP makes the same event of
// them again. Every object of an event names it in x_misp_event_ref. What was not taken as
// it is written is listed as notes, each with its place.
//
// # From STIX
//
// What did not come from MISP is shown as events as well as MISP can: a report with its
// indicators, observed data, vulnerabilities and notes; others as tags of galaxies.
package misp
