-- SPDX-License-Identifier: MIT
-- A Wireshark dissector for KCP segments and for the session frames of Qt KCP Network, as the page
-- "The Session Protocol" (doc/src/qtkcpnetwork-protocol.qdoc) has them.
--
--   tshark -X lua_script:qtkcpnetwork.lua -r capture.pcapng
--
-- Wireshark loads it from the personal folder for Lua plugins, see Help > About > Folders. It finds
-- its datagrams by what is in them, unless the port is that of another protocol: then set the
-- preference udp.try_heuristic_first, or use Decode As > UDP port > QtKcp. So too for a capture that
-- has only the middle of a quiet connection.

local qtkcp = Proto("qtkcp", "Qt KCP Network")

local HEADER_SIZE = 24 -- of a segment
local PARAMETERS_SIZE = 13
local MAXIMUM_TEXT = 256
-- More segments than an Ethernet jumbo frame of bare headers holds; a bound for the heuristic only.
local MAXIMUM_SEGMENTS = 2731

local COMMANDS = { [81] = "PUSH", [82] = "ACK", [83] = "WASK", [84] = "WINS" }
local MODES = { [0] = "bytes", [1] = "messages" }
local REASONS = {
    [1] = "Full",
    [2] = "Version",
    [3] = "NotAccepting",
    [4] = "Mode",
    [5] = "CookieExpired",
    [6] = "AddressLimit",
}
local TYPES = {
    [0xA0] = "HELLO",
    [0xA1] = "COOKIE",
    [0xA2] = "CONFIRM",
    [0xA3] = "ACCEPT",
    [0xA4] = "REFUSE",
    [0xA5] = "PING",
    [0xA6] = "PONG",
    [0xA7] = "DATAGRAM",
    [0xA8] = "PATH_CHALLENGE",
    [0xA9] = "PATH_RESPONSE",
    [0xAA] = "CLOSE",
    [0xAB] = "CLOSE_ACK",
    [0xAC] = "RESET",
}

local f = {
    conv = ProtoField.uint32("qtkcp.conv", "Conversation", base.HEX),
    type = ProtoField.uint8("qtkcp.type", "Type", base.HEX, TYPES),
    version = ProtoField.uint8("qtkcp.version", "Version"),
    client_nonce = ProtoField.uint64("qtkcp.client_nonce", "Client nonce", base.HEX),
    flags = ProtoField.uint16("qtkcp.flags", "Flags", base.HEX),
    mode = ProtoField.uint8("qtkcp.mode", "Mode", base.DEC, MODES),
    padding = ProtoField.bytes("qtkcp.padding", "Padding"),
    new_conv = ProtoField.uint32("qtkcp.new_conv", "New conversation", base.HEX),
    issued = ProtoField.uint32("qtkcp.issued", "Issued (server's ms)"),
    cookie = ProtoField.bytes("qtkcp.cookie", "Cookie"),
    length = ProtoField.uint8("qtkcp.length", "Length of parameters"),
    mtu = ProtoField.uint16("qtkcp.mtu", "MTU"),
    window = ProtoField.uint16("qtkcp.window", "Receive window (segments)"),
    max_message_size = ProtoField.uint32("qtkcp.max_message_size", "Largest message (bytes)"),
    capabilities = ProtoField.uint32("qtkcp.capabilities", "Capabilities", base.HEX),
    later_parameters = ProtoField.bytes("qtkcp.later_parameters", "Parameters of a later version"),
    tag = ProtoField.bytes("qtkcp.tag", "Tag"),
    reset_token = ProtoField.bytes("qtkcp.reset_token", "Reset token"),
    reason = ProtoField.uint16("qtkcp.reason", "Reason", base.DEC, REASONS),
    versions = ProtoField.bytes("qtkcp.versions", "Versions the server speaks"),
    sequence = ProtoField.uint32("qtkcp.sequence", "Sequence"),
    payload = ProtoField.bytes("qtkcp.payload", "Payload"),
    challenge = ProtoField.bytes("qtkcp.challenge", "Challenge"),
    response = ProtoField.bytes("qtkcp.response", "Response"),
    code = ProtoField.uint32("qtkcp.code", "Code", base.HEX),
    text = ProtoField.string("qtkcp.text", "Text", base.UNICODE),
    trailing = ProtoField.bytes("qtkcp.trailing", "Ignored bytes"),
    segment_conv = ProtoField.uint32("qtkcp.segment.conv", "Conversation", base.HEX),
    segment_cmd = ProtoField.uint8("qtkcp.segment.cmd", "Command", base.DEC, COMMANDS),
    segment_frg = ProtoField.uint8("qtkcp.segment.frg", "Fragments to come"),
    segment_wnd = ProtoField.uint16("qtkcp.segment.wnd", "Free window (segments)"),
    segment_ts = ProtoField.uint32("qtkcp.segment.ts", "Time stamp (ms)"),
    segment_sn = ProtoField.uint32("qtkcp.segment.sn", "Serial number"),
    segment_una = ProtoField.uint32("qtkcp.segment.una", "Next number expected"),
    segment_len = ProtoField.uint32("qtkcp.segment.len", "Length of data"),
    segment_data = ProtoField.bytes("qtkcp.segment.data", "Data"),
}
qtkcp.fields = f

local function malformed(name, text)
    return ProtoExpert.new("qtkcp." .. name, text, expert.group.MALFORMED, expert.severity.ERROR)
end
local e = {
    short = malformed("malformed.short", "The datagram ends before its fields do"),
    unknown = malformed("malformed.unknown", "Neither a KCP segment nor a session frame"),
    version = ProtoExpert.new("qtkcp.unknown_version", "A version of the protocol other than 1",
        expert.group.UNDECODED, expert.severity.WARN),
    conv = malformed("malformed.conv", "The conversation must not be this one here"),
    len = malformed("malformed.len", "The length goes beyond the datagram"),
    data = malformed("malformed.data", "Only PUSH carries data"),
    cmd = malformed("malformed.cmd", "Not a command of KCP"),
    other = malformed("malformed.other_conv", "Another conversation in the same datagram"),
    parameters = malformed("malformed.parameters", "Fewer parameters than version 1 has"),
    value = malformed("malformed.value", "A value that version 1 does not have"),
    trailing = ProtoExpert.new("qtkcp.trailing_bytes", "Bytes behind the last field are ignored",
        expert.group.PROTOCOL, expert.severity.NOTE),
    cut = ProtoExpert.new("qtkcp.cut", "The capture does not hold the whole datagram",
        expert.group.UNDECODED, expert.severity.NOTE),
}
qtkcp.experts = e

-- The fields behind conv, type and version. "rest" takes what is left, "parameters" the block with
-- its length in front, "segments" KCP segments. size: the only size of the frame, if it has one.
local PARAMETERS = {
    { "mtu", 2 }, { "window", 2 }, { "mode", 1 }, { "max_message_size", 4 }, { "capabilities", 4 },
}
local FRAMES = {
    [0xA0] = {
        conv0 = true,
        { "client_nonce", 8 }, { "flags", 2 }, { "mode", 1 }, { "padding", "rest", least = 239 },
    },
    [0xA1] = {
        conv0 = true, size = 54,
        { "client_nonce", 8 }, { "new_conv", 4 }, { "issued", 4 }, { "cookie", 32 },
    },
    [0xA2] = {
        { "client_nonce", 8 }, { "issued", 4 }, { "cookie", 32 }, { "length", "parameters" },
        { "segments", "segments" },
    },
    [0xA3] = {
        { "tag", 8 }, { "client_nonce", 8 }, { "length", "parameters" }, { "reset_token", 16 },
        { "segments", "segments" },
    },
    [0xA4] = { conv0 = true, { "client_nonce", 8 }, { "reason", 2 }, { "versions", "rest" } },
    [0xA5] = { { "tag", 8 }, { "sequence", 4 }, { "padding", "rest", least = 30 } },
    [0xA6] = { size = 18, { "tag", 8 }, { "sequence", 4 } },
    [0xA7] = { { "tag", 8 }, { "sequence", 4 }, { "payload", "rest" } },
    [0xA8] = { size = 14, { "challenge", 8 } },
    [0xA9] = { size = 14, { "response", 8 } },
    [0xAA] = { { "tag", 8 }, { "code", 4 }, { "text", "text" } },
    [0xAB] = { size = 14, { "tag", 8 } },
    [0xAC] = { size = 22, { "reset_token", 16 } },
}

local function close_code_name(code)
    if code < 0xFFFFFF00 then
        return string.format("Application (%u)", code)
    elseif code == 0xFFFFFFFF then
        return "Abort"
    elseif code == 0xFFFFFFFE then
        return "Protocol"
    elseif code == 0xFFFFFFFD then
        return "MessageSize"
    end
    return string.format("Reserved (0x%08x)", code)
end

---------------------------------------------------------------------------------------------------
-- A reader that knows how far it may go: to the end of what was captured.

local Reader = {}
Reader.__index = Reader

local function new_reader(tvb, tree, info)
    return setmetatable({ tvb = tvb, tree = tree, info = info, at = 0, stopped = false }, Reader)
end

function Reader:left()
    return self.tvb:len() - self.at
end

-- Also what the capture has cut off.
function Reader:really_left()
    return self.tvb:reported_len() - self.at
end

-- Nothing after this can be read.
function Reader:stop(tree)
    if self.stopped then
        return
    end
    self.stopped = true
    if self.tvb:len() < self.tvb:reported_len() then
        tree:add_proto_expert_info(e.cut)
        table.insert(self.info, "[cut]")
    else
        tree:add_proto_expert_info(e.short)
        table.insert(self.info, "[short]")
    end
end

function Reader:complain(tree, problem)
    tree:add_proto_expert_info(problem)
    table.insert(self.info, "[malformed]")
end

-- The range of the next bytes, and their item; nil if they are not there.
function Reader:take(tree, field, size)
    if self.stopped then
        return nil
    end
    if size > self:left() then
        self:stop(tree)
        return nil
    end
    local range = self.tvb:range(self.at, size)
    self.at = self.at + size
    return range, tree:add_le(field, range)
end

function Reader:take_rest(tree, field)
    if self:left() == 0 then
        return nil
    end
    return self:take(tree, field, self:left())
end

---------------------------------------------------------------------------------------------------
-- Segments

local function read_data(reader, tree, cmd, len)
    if cmd ~= 81 and len ~= 0 then
        reader:complain(tree, e.data)
    end
    if len > reader:really_left() then
        reader:complain(tree, e.len)
        reader.stopped = true
    elseif len > 0 then
        reader:take(tree, f.segment_data, len)
    end
end

-- One segment; false if nothing can follow it.
local function read_segment(reader, conv)
    local start = reader.at
    local there = math.min(HEADER_SIZE, reader:left())
    local tree = reader.tree:add(qtkcp, reader.tvb:range(start, there), "Segment")
    local own_conv = reader:take(tree, f.segment_conv, 4)
    if own_conv and conv and own_conv:le_uint() ~= conv then
        reader:complain(tree, e.other)
        reader.stopped = true
        return false
    end
    local cmd = reader:take(tree, f.segment_cmd, 1)
    reader:take(tree, f.segment_frg, 1)
    reader:take(tree, f.segment_wnd, 2)
    reader:take(tree, f.segment_ts, 4)
    local sn = reader:take(tree, f.segment_sn, 4)
    local una = reader:take(tree, f.segment_una, 4)
    local len = reader:take(tree, f.segment_len, 4)
    if not len then
        return false
    end

    local number = cmd:uint()
    local name = COMMANDS[number] or string.format("cmd %u", number)
    local summary = name
    if number == 81 then
        summary = string.format("%s sn=%u len=%u", name, sn:le_uint(), len:le_uint())
    elseif number == 82 then
        summary = string.format("%s sn=%u una=%u", name, sn:le_uint(), una:le_uint())
    end
    tree:append_text(": " .. summary)
    table.insert(reader.info, summary)
    if not COMMANDS[number] then
        reader:complain(tree, e.cmd)
        reader.stopped = true
        return false
    end
    read_data(reader, tree, number, len:le_uint())
    tree:set_len(reader.at - start)
    return not reader.stopped
end

-- A run of segments to the end of the datagram; conv nil: that of the first one.
local function read_segments(reader, conv)
    while not reader.stopped and reader:really_left() >= HEADER_SIZE do
        if reader:left() >= 4 then
            conv = conv or reader.tvb:range(reader.at, 4):le_uint()
        end
        if reader:left() == 0 then
            reader:stop(reader.tree)
        elseif not read_segment(reader, conv) then
            break
        end
    end
    local range, item = reader:take_rest(reader.tree, f.trailing)
    if range then
        item:add_proto_expert_info(e.trailing)
    end
end

---------------------------------------------------------------------------------------------------
-- Session frames

local function read_parameters(reader, tree)
    local length, item = reader:take(tree, f.length, 1)
    if not length then
        return
    end
    if length:uint() < PARAMETERS_SIZE then
        reader:complain(item, e.parameters)
        reader.stopped = true
        return
    end
    for _, field in ipairs(PARAMETERS) do
        local range, parameter = reader:take(tree, f[field[1]], field[2])
        if range and field[1] == "mode" and not MODES[range:uint()] then
            reader:complain(parameter, e.value)
        end
    end
    if length:uint() > PARAMETERS_SIZE then
        reader:take(tree, f.later_parameters, length:uint() - PARAMETERS_SIZE)
    end
end

local function read_rest(reader, tree, field)
    if reader:really_left() < (field.least or 0) then
        reader:take_rest(tree, f[field[1]])
        reader:stop(tree)
    else
        reader:take_rest(tree, f[field[1]])
    end
end

local function read_text(reader, tree)
    local size = math.min(reader:left(), MAXIMUM_TEXT)
    if size > 0 then
        local range = reader.tvb:range(reader.at, size)
        reader.at = reader.at + size
        tree:add_packet_field(f.text, range, ENC_UTF_8)
    end
end

-- What the packet list says of a field.
local function tell(reader, name, range, item)
    if name == "sequence" then
        table.insert(reader.info, "sequence=" .. range:le_uint())
    elseif name == "reason" then
        local reason = range:le_uint()
        if not REASONS[reason] then
            reader:complain(item, e.value)
        end
        table.insert(reader.info, "reason=" .. (REASONS[reason] or reason))
    elseif name == "code" then
        local code_name = close_code_name(range:le_uint())
        item:append_text(" (" .. code_name .. ")")
        table.insert(reader.info, "code=" .. code_name)
    elseif name == "new_conv" then
        table.insert(reader.info, string.format("new conv=0x%08x", range:le_uint()))
    elseif name == "mode" and not MODES[range:uint()] then
        reader:complain(item, e.value)
    end
end

local function read_field(reader, tree, field, conv)
    local name, size = field[1], field[2]
    if reader.stopped then
        return
    elseif size == "parameters" then
        read_parameters(reader, tree)
    elseif size == "segments" then
        read_segments(reader, conv)
    elseif size == "rest" then
        read_rest(reader, tree, field)
    elseif size == "text" then
        read_text(reader, tree)
    else
        local range, item = reader:take(tree, f[name], size)
        if range then
            tell(reader, name, range, item)
        end
    end
end

local function read_frame(reader)
    local tree = reader.tree
    local conv, conv_item = reader:take(tree, f.conv, 4)
    local frame_type = reader:take(tree, f.type, 1):uint()
    local frame = FRAMES[frame_type]
    table.insert(reader.info, TYPES[frame_type])
    local version, version_item = reader:take(tree, f.version, 1)
    -- HELLO and REFUSE keep the place of their first fields in all versions.
    if version:uint() ~= 1 then
        version_item:add_proto_expert_info(e.version)
        table.insert(reader.info, "version=" .. version:uint())
        if frame_type == 0xA0 or frame_type == 0xA4 then
            read_field(reader, tree, frame[1])
        end
        if frame_type == 0xA4 then
            read_field(reader, tree, frame[2])
        end
        reader:take_rest(tree, f.trailing)
        return
    end
    local conversation = conv:le_uint()
    if (conversation == 0) ~= (frame.conv0 or false) then
        reader:complain(conv_item, e.conv)
    end
    if not frame.conv0 then
        table.insert(reader.info, string.format("conv=0x%08x", conversation))
    end
    for _, field in ipairs(frame) do
        read_field(reader, tree, field, conversation)
    end
    local range, item = reader:take_rest(tree, f.trailing)
    if range and not reader.stopped then
        item:add_proto_expert_info(e.trailing)
    end
end

---------------------------------------------------------------------------------------------------
-- The way in

function qtkcp.dissector(tvb, pinfo, root)
    if tvb:len() == 0 then
        return 0
    end
    pinfo.cols.protocol = "QtKcp"
    local tree = root:add(qtkcp, tvb:range())
    local info = {}
    local reader = new_reader(tvb, tree, info)
    if tvb:len() < 6 then
        reader:take_rest(tree, f.trailing)
        reader:stop(tree)
        pinfo.cols.info = table.concat(info, " ")
        return tvb:len()
    end

    local byte = tvb:range(4, 1):uint()
    if FRAMES[byte] then
        read_frame(reader)
    elseif COMMANDS[byte] then
        pinfo.cols.protocol = "KCP"
        table.insert(info, string.format("conv=0x%08x", tvb:range(0, 4):le_uint()))
        if tvb:reported_len() < HEADER_SIZE then
            reader:take_rest(tree, f.trailing)
            reader:stop(tree)
        else
            read_segments(reader, nil)
        end
    else
        reader:complain(tree, e.unknown)
        reader:take_rest(tree, f.trailing)
    end
    if tvb:len() < tvb:reported_len() then -- also where a field took less than there was
        reader:stop(tree)
    end
    pinfo.cols.info = table.concat(info, " ")
    return tvb:len()
end

---------------------------------------------------------------------------------------------------
-- Heuristic: says yes only where many bits fit, because every UDP datagram comes by here. The frames
-- that are short or mostly free bytes (PONG, DATAGRAM, PATH_*, CLOSE, CLOSE_ACK, RESET) are taken
-- when others of the same two addresses have been seen before.

local function all_zero(tvb, from)
    for i = from, tvb:len() - 1 do
        if tvb:range(i, 1):uint() ~= 0 then
            return false
        end
    end
    return true
end

-- Only segments, of one conversation, and nothing behind them.
local function are_segments(tvb, from, conv)
    local at, size = from, tvb:len()
    for _ = 1, MAXIMUM_SEGMENTS do
        if at == size then
            return at > from or from > 0
        end
        if size - at < HEADER_SIZE or tvb:range(at, 4):le_uint() ~= conv then
            return false
        end
        local cmd, frg = tvb:range(at + 4, 1):uint(), tvb:range(at + 5, 1):uint()
        local len = tvb:range(at + 20, 4):le_uint()
        if not COMMANDS[cmd] or (cmd ~= 81 and (len ~= 0 or frg ~= 0)) then
            return false
        end
        at = at + HEADER_SIZE + len
        if at > size then
            return false
        end
    end
    return false
end

local LIKELY = {
    [0xA0] = function(tvb, conv)
        return conv == 0 and tvb:len() >= 256 and tvb:range(16, 1):uint() <= 1 and all_zero(tvb, 17)
    end,
    [0xA1] = function(tvb, conv)
        return conv == 0 and tvb:len() == 54 and tvb:range(14, 4):le_uint() ~= 0
    end,
    [0xA2] = function(tvb, conv)
        return conv ~= 0 and tvb:len() >= 64 and tvb:range(50, 1):uint() == PARAMETERS_SIZE
            and tvb:range(55, 1):uint() <= 1 and are_segments(tvb, 64, conv)
    end,
    [0xA3] = function(tvb, conv)
        return conv ~= 0 and tvb:len() >= 52 and tvb:range(22, 1):uint() == PARAMETERS_SIZE
            and tvb:range(27, 1):uint() <= 1 and are_segments(tvb, 52, conv)
    end,
    [0xA4] = function(tvb, conv)
        local reason = tvb:len() >= 16 and tvb:range(14, 2):le_uint() or 0
        return conv == 0 and REASONS[reason] ~= nil and (tvb:len() == 16 or reason == 2)
    end,
    [0xA5] = function(tvb, conv)
        return conv ~= 0 and tvb:len() >= 48 and all_zero(tvb, 18)
    end,
}

local function is_likely(tvb)
    if tvb:len() < 16 or tvb:len() < tvb:reported_len() then
        return false
    end
    local conv, byte = tvb:range(0, 4):le_uint(), tvb:range(4, 1):uint()
    if COMMANDS[byte] then
        return are_segments(tvb, 0, conv)
    end
    return LIKELY[byte] ~= nil and tvb:range(5, 1):uint() == 1 and LIKELY[byte](tvb, conv)
end

local function heuristic(tvb, pinfo, root)
    if not is_likely(tvb) then
        return false
    end
    pinfo.conversation = qtkcp -- what follows on these addresses comes straight to the dissector
    qtkcp.dissector(tvb, pinfo, root)
    return true
end

qtkcp:register_heuristic("udp", heuristic)
DissectorTable.get("udp.port"):add_for_decode_as(qtkcp)
