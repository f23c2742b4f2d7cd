-- Prints what the benchmark reads, in one line: wrk's own output rounds.
function done(summary, latency)
   local errors = 0
   for _, number in pairs(summary.errors) do errors = errors + number end
   print(string.format("RESULT %d %d %d %f %f %f", summary.requests, summary.duration, errors,
      latency:percentile(50), latency:percentile(90), latency:percentile(99)))
end
