/* SPDX-License-Identifier: MIT */
/*
 * The C interface of KCP over kcp::Engine, for programs written for the original library.
 *
 * The calling order is the original's: ikcp_create, ikcp_setoutput, settings; then ikcp_input for
 * each datagram, ikcp_send and ikcp_recv at will, ikcp_update in a loop whose pace ikcp_check
 * gives. Nothing is handed to the output callback before the first ikcp_update. A control block
 * belongs to one thread at a time.
 */
#ifndef KCP_IKCP_H
#define KCP_IKCP_H

#include <stddef.h>
#include <stdint.h>

typedef int8_t IINT8;
typedef uint8_t IUINT8;
typedef int16_t IINT16;
typedef uint16_t IUINT16;
typedef int32_t IINT32;
typedef uint32_t IUINT32;
typedef int64_t IINT64;
typedef uint64_t IUINT64;

#ifdef __cplusplus
extern "C" {
#endif

struct IKCPCB;

/* Sends one datagram. The return value is not looked at: what could not be sent counts as lost. */
typedef int (*ikcp_output_callback)(const char *buf, int len, struct IKCPCB *kcp, void *user);
typedef void (*ikcp_writelog_callback)(const char *log, struct IKCPCB *kcp, void *user);

/*
 * One conversation. Only ikcp_create makes one; it is larger than what is seen here.
 *
 * Settings may be assigned directly and are taken over by the next call that is given the block. A
 * value out of its range is replaced by the nearest one that is possible.
 */
struct IKCPCB
{
    /* Settings. */
    IUINT32 conv;
    IUINT32 mtu; /* bytes of a datagram, 50 .. 65507 */
    IUINT32 mss; /* mtu without the 24-byte header; assigning it sets mtu, and the other way round
                  */
    IUINT32 snd_wnd, rcv_wnd; /* segments, 1 .. 65535 */
    IUINT32 nodelay; /* 0, 1, 2: see ikcp_nodelay */
    IUINT32 interval; /* ms, 1 .. 5000 */
    IINT32 rx_minrto; /* ms, 1 .. 60000 */
    int fastresend; /* 0 = off */
    int fastlimit; /* transmissions after which there is no fast resend; 0 = no limit */
    int nocwnd; /* 1 = no congestion control */
    int stream; /* 1 = writes are joined and cut at will */
    IUINT32 dead_link; /* transmissions of one segment; 0 or beyond INT32_MAX = never give up */
    int logmask; /* IKCP_LOG_* */
    void *user;
    ikcp_output_callback output;
    ikcp_writelog_callback writelog;

    /* The time of the last ikcp_update, ms. A program that knows better may assign it before
       ikcp_input and ikcp_flush: round trips are then measured to the millisecond. */
    IUINT32 current;

    /* (IUINT32)-1 once the link was found dead: a segment was sent dead_link times, or nothing was
       acknowledged for 60 s although data was under way. Never set back by the library. */
    IUINT32 state;

    /* Readings, brought up to date by each call. Assigning them does nothing. */
    IINT32 rx_srtt, rx_rttval, rx_rto; /* ms; srtt is 0 before the first sample, then at least 1 */
    IUINT32 rmt_wnd; /* as the peer last told it */
    IUINT32 cwnd; /* snd_wnd with nocwnd */
    IUINT32 ssthresh;
    IUINT32 ts_flush; /* when ikcp_update will flush next, in the time of ikcp_update */
    IUINT32 xmit; /* retransmissions by timeout */
    IUINT32 nsnd_buf, nsnd_que; /* sent and not acknowledged; waiting to be sent */
    IUINT32 updated; /* 1 after the first ikcp_update */
};

typedef struct IKCPCB ikcpcb;

#define IKCP_LOG_OUTPUT 1
#define IKCP_LOG_INPUT 2
#define IKCP_LOG_SEND 4
#define IKCP_LOG_RECV 8
#define IKCP_LOG_IN_DATA 16
#define IKCP_LOG_IN_ACK 32
#define IKCP_LOG_IN_PROBE 64
#define IKCP_LOG_IN_WINS 128
#define IKCP_LOG_OUT_DATA 256
#define IKCP_LOG_OUT_ACK 512
#define IKCP_LOG_OUT_PROBE 1024
#define IKCP_LOG_OUT_WINS 2048

/* Both ends must use the same conv. NULL when there is no memory. */
ikcpcb *ikcp_create(IUINT32 conv, void *user);
void ikcp_release(ikcpcb *kcp);

void ikcp_setoutput(ikcpcb *kcp, int (*output)(const char *buf, int len, ikcpcb *kcp, void *user));

/* Takes the next message and returns its size; an empty message gives 0. -1: nothing is there.
   -2: the message is not complete. -3: it is larger than len. With a negative len the message is
   copied into -len bytes and stays. Without a buffer it is dropped. */
int ikcp_recv(ikcpcb *kcp, char *buffer, int len);

/* Queues len bytes and returns len. -1: len is negative, or there is no buffer. -2: the message
   needs more than 127 segments, or there is no memory; nothing is queued then. */
int ikcp_send(ikcpcb *kcp, const char *buffer, int len);

/* Tells the time, in ms of a clock of the caller's choice that may wrap, and flushes when an
   interval has passed since the last flush or a retransmission is due. */
void ikcp_update(ikcpcb *kcp, IUINT32 current);

/* When ikcp_update will flush next: current itself only if it would do so now, and at most an
   interval later. ikcp_input and ikcp_send may make it earlier. */
IUINT32 ikcp_check(const ikcpcb *kcp, IUINT32 current);

/* Takes one datagram. -1: it is too short or of another conversation. -2: a length in it is
   impossible. -3: an unknown command. Segments in front of a bad one stay accepted. */
int ikcp_input(ikcpcb *kcp, const char *data, long size);

/* Sends all that may be sent, at once. Does nothing before the first ikcp_update. */
void ikcp_flush(ikcpcb *kcp);

/* The size of the next complete message, -1 when there is none. */
int ikcp_peeksize(const ikcpcb *kcp);

/* 0, or -1 when mtu is not in 50 .. 65507. */
int ikcp_setmtu(ikcpcb *kcp, int mtu);

/* 0 or less leaves a window as it is; the receive window is never made smaller than 128. */
int ikcp_wndsize(ikcpcb *kcp, int sndwnd, int rcvwnd);

/* Segments that are not acknowledged yet, unsent ones included. */
int ikcp_waitsnd(const ikcpcb *kcp);

/* Each argument may be -1: leave it.
   nodelay: 0 = timeouts double, rx_minrto becomes 100; 1 = they grow by half of the segment's
   timeout, 2 = by half of the connection's, rx_minrto becomes 30. interval: ms, 10 .. 5000.
   resend: a segment passed this often is sent again at once, 0 = never. nc: 1 = no congestion
   control. */
int ikcp_nodelay(ikcpcb *kcp, int nodelay, int interval, int resend, int nc);

/* Chooses the congestion control: IKCP_CC_OFF is nocwnd = 1, the others are nocwnd = 0.
   0, or -1 when there is no such control. */
#define IKCP_CC_CLASSIC 0
#define IKCP_CC_OFF 1
#define IKCP_CC_CUBIC 2
int ikcp_setcc(ikcpcb *kcp, int cc);

/* Hands a line to writelog if one of the bits of mask is set in logmask. */
#if defined(__GNUC__) || defined(__clang__)
__attribute__((format(printf, 3, 4)))
#endif
void ikcp_log(ikcpcb *kcp, int mask, const char *fmt, ...);

/* The functions for memory of control blocks made from now on: the block and the state of its
   engine. Payloads, rings and the datagram buffer come from the engine's own pool, which takes
   from the C++ heap and reuses what it took. NULL: malloc and free. */
void ikcp_allocator(void *(*new_malloc)(size_t), void (*new_free)(void *));

/* The conversation id of a datagram of at least 4 bytes. */
IUINT32 ikcp_getconv(const void *ptr);

#ifdef __cplusplus
}
#endif

#endif /* KCP_IKCP_H */
