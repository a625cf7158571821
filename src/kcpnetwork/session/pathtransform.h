// SPDX-License-Identifier: MIT
// What happens to datagrams between the sessions and the network: encryption, forward error
// correction. An endpoint without one, as all are today, pays a comparison with null.
#ifndef KCPNET_SESSION_PATHTRANSFORM_H
#define KCPNET_SESSION_PATHTRANSFORM_H

#include "address.h"

#include <kcp/bytes.h>
#include <kcp/time.h>

namespace kcpnet {

class PathTransform
{
public:
    virtual ~PathTransform();

    // How many bytes seal() may add at most.
    virtual std::size_t overhead() const = 0;

    // Turns what came from the network into what the sessions understand. The result may point into
    // the datagram or into storage of the transform, and is good until the next call; it is empty
    // when the datagram is not authentic.
    virtual kcp::ByteView open(kcp::Instant now, const Path &path, kcp::ByteView datagram) = 0;

    // Turns the first `size` bytes of the buffer into what goes to the network, in place; returns
    // the new size. The buffer has room for overhead() more.
    virtual std::size_t seal(kcp::Instant now, const Path &path, kcp::MutableBytes buffer,
                             std::size_t size) = 0;
};

} // namespace kcpnet

#endif // KCPNET_SESSION_PATHTRANSFORM_H
