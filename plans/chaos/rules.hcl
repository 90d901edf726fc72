# When somebody should be told. A window of a day always has one answer to each question
# from each vantage point. One answer is enough: what sits near a vantage point is seen
# from there alone.

rule "identity-unexpected" {
  on       = "window"
  over     = ["rsi", "vantage_point"]
  queries  = [query.identity]
  window   = "24h"
  severity = "warning"
  expr     = "window.unexpected > 0"
  summary  = "{rsi}.root, asked from {vantage_point}, gave an identity that is none of its own in {window.unexpected} of {window.answered} answers: somebody in between, or a new form of its names"
}

rule "version-unexpected" {
  on       = "window"
  over     = ["rsi", "vantage_point"]
  queries  = [query.version]
  window   = "24h"
  severity = "warning"
  expr     = "window.unexpected > 0"
  summary  = "{rsi}.root, asked from {vantage_point}, answers as a resolver does in {window.unexpected} of {window.answered} answers: somebody in between?"
}

rule "identity-unknown" {
  on       = "window"
  over     = ["rsi"]
  queries  = [query.identity]
  window   = "24h"
  severity = "info"
  expr     = "window.sent >= 4 && window.answered == 0"
  summary  = "{rsi}.root answered none of {window.sent} questions for its identity"
}
