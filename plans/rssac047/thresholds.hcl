# What each metric must meet; equality meets it. The 96 % follow from 13 RSIs of
# which 8 must answer, and change with their number [dlw]: a change block says from
# which month on.

threshold "rsi_availability" {
  at_least = 96 # percent [ydw]
  n        = 13
}

threshold "rsi_response_latency" {
  udp = { at_most = "250ms" } # [zuc]
  tcp = { at_most = "500ms" } # [bpl]
}

threshold "rsi_correctness" {
  at_least = 100 # [ahw]
}

threshold "rsi_publication_latency" {
  at_most = "65m" # [fwa]
}

threshold "rss_availability" {
  at_least = 99.999 # [wzz]
}

threshold "rss_response_latency" {
  udp = { at_most = "150ms" } # [uwf]
  tcp = { at_most = "300ms" } # [lmx]
}

threshold "rss_correctness" {
  at_least = 100 # [gfh]
}

threshold "rss_publication_latency" {
  at_most = "35m" # [zkl]
}

# Every metric, each month from the 1st, 00:00 UTC [rps] [ver] [jps].

report "monthly" {
  period  = "month"
  publish = ["text", "json", "html"]
}

report "weekly" {
  period  = "week"
  publish = ["text", "json", "html"]
}
