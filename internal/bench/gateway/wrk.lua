-- Each request has the next token of a file, which has one a line.
--
--   wrk ... URL FILE once THREADS     no token twice: each thread has its share, and sends nothing once that is used up
--   wrk ... URL FILE again THREADS    each thread begins anew after the last
--
-- What was counted is the last line of the output, in JSON.

local threads = {}
local requests, again, naked = {}, false, nil
local at = 0
spent = 0 -- requests for which no token was left; global, for done to read

function setup(thread)
   thread:set("number", #threads)
   threads[#threads + 1] = thread
end

function init(args)
   again = args[2] == "again"
   local sharing, line = tonumber(args[3]), 0
   for token in io.lines(args[1]) do
      if again or line % sharing == number then
         requests[#requests + 1] = wrk.format(nil, nil, {["Authorization"] = "Bearer " .. token})
      end
      line = line + 1
   end
   naked = wrk.format(nil, nil, {})
end

function request()
   at = at + 1
   if at > #requests and again then
      at = 1
   end
   if at > #requests then
      spent = spent + 1
      return naked
   end
   return requests[at]
end

function done(summary, latency)
   local unarmed = 0
   for _, thread in ipairs(threads) do
      unarmed = unarmed + thread:get("spent")
   end
   local e = summary.errors
   io.write(string.format(
      '\n{"requests":%d,"micros":%d,"p50":%d,"p99":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d,"spent":%d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      e.connect, e.read, e.write, e.timeout, e.status, unarmed))
end
