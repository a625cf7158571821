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
struct IKCPOPS;

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

    /* The congestion control, if it is the program's own: see ikcp_setcc. cwnd, ssthresh and incr
       are its variables then; incr is for its own use. With the built-in control the three are
       readings: cwnd is snd_wnd with nocwnd, incr is cwnd * mss. */
    IUINT32 cwnd, ssthresh; /* segments */
    IUINT32 incr; /* bytes */
    const struct IKCPOPS *ccops; /* NULL = the built-in one. Only ikcp_setcc changes it */
    void *congest; /* for ccops to keep its state in; the library does not look at it */

    /* Readings, brought up to date by each call. Assigning them does nothing. */
    IINT32 rx_srtt, rx_rttval, rx_rto; /* ms; srtt is 0 before the first sample, then at least 1 */
    IUINT32 rmt_wnd; /* as the peer last told it */
    IUINT32 ts_flush; /* when ikcp_update will flush next, in the time of ikcp_update */
    IUINT32 xmit; /* retransmissions by timeout */
    IUINT32 snd_una, snd_nxt; /* the oldest sn not acknowledged; the next new one */
    IUINT32 rcv_nxt; /* the sn that is expected next */
    IUINT32 nsnd_buf, nsnd_que; /* segments from snd_una to snd_nxt; waiting to be sent */
    IUINT32 nrcv_buf, nrcv_que; /* segments that came early; waiting for ikcp_recv */
    IUINT32 probe_wait; /* ms from one WASK to the next; 0 = the peer's window is open */
    IUINT32 ts_probe; /* when the next WASK is due; 0 = none is planned */
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

/*
 * A congestion control of the program's own. Any operation may be NULL.
 *
 * What it decides, it assigns to cwnd: the next segment that leaves obeys it. Segments from snd_una
 * on count against cwnd, which is never taken for less than 1; what is sent again goes at once. With
 * nocwnd the operations are called just the same, but cwnd limits nothing. ssthresh, incr and
 * congest are the control's to use.
 *
 * An operation finds all readings of the block up to date. It may assign every setting; those other
 * than nocwnd take effect with the next call of the library. It may call ikcp_log, and the functions
 * that take a const block. The others do nothing meanwhile, and return -1 if they return anything;
 * ikcp_release must not be called.
 */
struct IKCPOPS
{
    const char *name; /* for the program's own use */

    /* From ikcp_setcc. cwnd, ssthresh and incr are what the control before left. 0, or else the
       control is not installed, and release not called. */
    int (*init)(ikcpcb *kcp);
    /* From ikcp_setcc and ikcp_release. No operation is called afterwards; congest is NULL then. */
    void (*release)(ikcpcb *kcp);

    /* From ikcp_input, once for a datagram that acknowledged something for the first time.
       prior_in_flight: snd_nxt - snd_una before it. */
    void (*on_ack)(ikcpcb *kcp, IUINT32 acked_segs, IUINT32 acked_bytes, IUINT32 prior_in_flight);
    /* From ikcp_input, after on_ack: the datagram made fast_retrans segments go out again with the
       next flush. inflight counts them too. */
    void (*on_fast_retransmit)(ikcpcb *kcp, IUINT32 fast_retrans, IUINT32 inflight,
                               IUINT32 prior_cwnd);
    /* From a flush, in front of on_tick: one or more segments timed out. */
    void (*on_timeout)(ikcpcb *kcp, IUINT32 prior_cwnd);
    /* From each flush, before anything is sent. */
    void (*on_tick)(ikcpcb *kcp);
    /* From a flush, at its end, when nothing waits to be sent although cwnd has room. */
    void (*on_app_limited)(ikcpcb *kcp, IUINT32 inflight);
    /* From ikcp_input, in front of on_ack: the round trip that the datagram measured, ms. */
    void (*on_rtt)(ikcpcb *kcp, IINT32 rtt);

    /* From a flush, for each data segment of a datagram, just before it is handed to output. ts is
       the segment's, len counts payload, xmit its transmissions, this one included. inflight is
       snd_nxt - snd_una, with the whole datagram. */
    void (*on_pkt_sent)(ikcpcb *kcp, IUINT32 sn, IUINT32 ts, IUINT32 len, IUINT32 inflight,
                        IUINT32 xmit);
    /* From ikcp_input, in front of on_rtt, in the order of sn: the segment is acknowledged for the
       first time. ts is that of its last transmission. rtt is -1 when only una acknowledged it, or
       with a ts that was never its own: then there is no measurement. */
    void (*on_pkt_acked)(ikcpcb *kcp, IUINT32 sn, IUINT32 ts, IUINT32 len, IINT32 rtt,
                         IUINT32 xmit);

    /* For the program to call through ccops; the library itself never does. */
    IUINT32 (*get_info)(ikcpcb *kcp, void *buf, IUINT32 bufsize);
    /* Never called: there is no pacing, a flush sends all that the windows allow. */
    IUINT32 (*pacing_rate)(ikcpcb *kcp);
};

/* Installs a congestion control, which must outlive its use, in place of the one before; NULL
   restores the built-in control, which begins anew. 0, or negative when init fails or there is no
   memory: the built-in control is in force after a failed init. */
int ikcp_setcc(ikcpcb *kcp, const struct IKCPOPS *ops);

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
