// SPDX-License-Identifier: MIT
#include <kcp/wire.h>

namespace kcp {

bool startsWithSegment(ByteView datagram)
{
    const std::optional<std::uint32_t> conv = peekConversation(datagram);
    SegmentView segment;
    return conv && parseSegment(*conv, datagram, segment) == ParseError::None;
}

} // namespace kcp
