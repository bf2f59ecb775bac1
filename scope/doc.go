// Package scope answers one question: does what was granted cover what is required?
//
// A [Set] is what was granted. [Granted] and [GrantedList] read it from a token, leniently wherever that grants nothing;
// [Parse] and [FromList] read it from configuration, where a mistake is an error.
//
// A [Requirement] is what a route asks for: [All] or [Any] of some names, nested with [AllOf] and [AnyOf]. Names are compared
// exactly, with regard to case, unless [Requirement.Using] says how one name covers another: [Hierarchical], [Wildcard],
// [Implied], or a function of your own.
//
// All values are immutable and safe for concurrent use. The zero Set grants nothing, and the zero Requirement is met by no Set.
// The package knows nothing of HTTP or of tokens; it imports the standard library only.
package scope
