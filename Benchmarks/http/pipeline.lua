-- wrk's script for pipelining: `wrk -s pipeline.lua URL -- DEPTH` sends DEPTH requests in one write.
local depth, batch

init = function(args)
   depth = tonumber(args[1])
   batch = string.rep(wrk.format("GET"), depth)
end

request = function() return batch end
