/* The fast engine's inner loop in C, on the same arrays: what a hand-written kernel would reach.

   A line-by-line port of sandbox/simulation/{kernel,events,arrivals,recorder,draws}.py. All constants
   (operation codes, columns, field numbers) come from the Python enumerations through -D flags, so
   that both interpret the same tables. Built on the spot by kernel_c.py with
   -O3 -march=native -ffp-contract=off (fused multiply-adds would change the last bit of a draw). */

#include <math.h>
#include <stdint.h>

typedef int64_t i64;
typedef uint64_t u64;
typedef int32_t i32;
typedef int16_t i16;
typedef int8_t i8;

#define INLINE static inline __attribute__((always_inline))
#define NEVER ((i64)1 << 62)
#define DAY 86400000000000LL
#define HOUR 3600000000000LL
#define MINUTE 60000000000LL
#define SECOND 1000000000LL

/* The order of the members is that of the Python tuples: see kernel_c.py. */
typedef struct {
  /* Inputs */
  const i64 *run_key, *horizon, *code;
  const double *laws;
  const i64 *entry;
  const i16 *access_class;
  const i32 *access_operator;
  const i8 *access_population;
  const i64 *access_rtt, *access_phase, *access_features, *access_identity;
  const i32 *access_limits;
  const double *visit, *left_open;
  const i64 *polls;
  const i8 *day_kind;
  const double *schedule;
  const i64 *sends;
  const i32 *senders;
  const i64 *send_counts, *listed;
  const double *sender_exponent;
  const i32 *recipients;
  const i64 *servers, *server_offset, *server_time, *moment, *kind, *follow_time;
  const i64 *pool_slots, *pool_backlog, *limits;
  const i16 *endpoint_role, *operator_bin;
  const i64 *outages, *register_count;
  /* Cursors */
  i64 *next, *poll_at, *send_at;
  double *position;
  i64 *next_listed;
  i64 *open, *away, *close, *pending;
  /* State */
  i64 *row;
  i32 *vacant, *bucket;
  i64 *occupied, *heap, *counters, *free, *last, *in_use, *queue_length, *queue_head, *queue_tail;
  i64 *registers, *entered, *trace;
  /* Record */
  i32 *logins;
  i64 *login_count, *login_time;
  i32 *phases;
  i64 *phase_time, *deliveries, *delivery, *sessions, *failures, *endpoints, *pools, *stations;
  i32 *role_minutes, *role_connections;
  i64 *role_now;
} Arrays;

typedef struct {
  i64 polls, sends, recipients, hours, outages, registers, groups, minutes, causes, day_kinds,
      heap, trace, limits, moments;
} Sizes;

#define CODE(pc, column) (a->code[(pc) * COLUMNS + (column)])
#define LAWS(law, column) (a->laws[(law) * 5 + (column)])
#define ROW(session, field) (a->row[(session) * FIELDS + (field)])
#define MIN(x, y) ((x) < (y) ? (x) : (y))
#define MAX(x, y) ((x) > (y) ? (x) : (y))

/* ------------------------------------------------------------------ draws */

INLINE i64 mix(i64 x, i64 y) {
  u64 z = (u64)x + (u64)y * 0x9E3779B97F4A7C15ULL + 0xD1B54A32D192ED03ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return (i64)(z ^ (z >> 31));
}

INLINE double uniform(i64 key, i64 purpose) {
  return ((double)((u64)mix(key, purpose) >> 11) + 0.5) * 1.1102230246251565e-16;
}

static double normal_quantile(double p) {
  double q = p - 0.5, r, num, den;
  if (fabs(q) <= 0.425) {
    r = 0.180625 - q * q;
    num = ((((((2509.0809287301226727 * r + 33430.575583588128105) * r + 67265.770927008700853) * r +
              45921.953931549871457) * r + 13731.693765509461125) * r + 1971.5909503065514427) * r +
           133.14166789178437745) * r + 3.387132872796366608;
    den = ((((((5226.495278852545925 * r + 28729.085735721942674) * r + 39307.89580009271061) * r +
              21213.794301586595867) * r + 5394.1960214247511077) * r + 687.1870074920579083) * r +
           42.313330701600911252) * r + 1.0;
    return q * num / den;
  }
  r = sqrt(-log(MIN(p, 1.0 - p)));
  if (r <= 5.0) {
    r -= 1.6;
    num = ((((((7.7454501427834140764e-4 * r + 0.0227238449892691845833) * r +
               0.24178072517745061177) * r + 1.27045825245236838258) * r +
             3.64784832476320460504) * r + 5.7694972214606914055) * r + 4.6303378461565452959) * r +
          1.42343711074968357734;
    den = ((((((1.05075007164441684324e-9 * r + 5.475938084995344946e-4) * r +
               0.0151986665636164571966) * r + 0.14810397642748007459) * r +
             0.68976733498510000455) * r + 1.6763848301838038494) * r + 2.05319162663775882187) * r +
          1.0;
  } else {
    r -= 5.0;
    num = ((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r +
               0.0012426609473880784386) * r + 0.026532189526576123093) * r +
             0.29656057182850489123) * r + 1.7848265399172913358) * r + 5.4637849111641143699) * r +
          6.6579046435011037772;
    den = ((((((2.04426310338993978564e-15 * r + 1.4215117583164458887e-7) * r +
               1.8463183175100546818e-5) * r + 7.868691311456132591e-4) * r +
             0.0148753612908506148525) * r + 0.13692988092273580531) * r + 0.59983220655588793769) * r +
          1.0;
  }
  return q < 0 ? -num / den : num / den;
}

static i64 sample(i64 kind, double p, double q, double r, i64 key, i64 purpose) {
  double u, seconds;
  if (kind == 0) return (i64)(p * 1e9 + 0.5);
  u = uniform(key, purpose);
  if (kind == 1) seconds = -p * log(u);
  else if (kind == 2) seconds = r + exp(p + q * normal_quantile(u));
  else if (u < r) seconds = -p * log(u / r);
  else seconds = -q * log((1.0 - u) / (1.0 - r));
  return (i64)(seconds * 1e9 + 0.5);
}

/* ------------------------------------------------------------------ arrivals */

/* Python's floor division of doubles, to the last bit. */
static double floor_divide(double x, double y) {
  double rest = fmod(x, y), quotient = (x - rest) / y, whole;
  if (rest != 0.0 && (y < 0) != (rest < 0)) quotient -= 1.0;
  whole = floor(quotient);
  if (quotient - whole > 0.5) whole += 1.0;
  return whole;
}

static void open_day(const Arrays *a, const Sizes *n, i64 stream, i64 day) {
  const i64 *poll = a->polls + stream * POLL_COLUMNS;
  i64 *at = a->poll_at + stream * 4;
  i64 period = poll[POLL_PERIOD], first = poll[POLL_FIRST], count = poll[POLL_COUNT];
  i64 cycles = DAY / period, lowest = cycles, highest = 0;
  i64 kind = a->day_kind[day];
  for (i64 access = first; access < first + count; access++) {
    i64 low = 0, high = cycles, last = cycles;
    if (poll[POLL_ALWAYS] == 0) {
      const double *people =
          a->schedule + (a->access_population[access] * n->day_kinds + kind) * PEOPLE;
      i64 key = mix(mix(a->run_key[0], a->access_identity[access]), day);
      if (uniform(key, P_PRESENT) < people[0]) {
        double begin = people[1] + people[2] * normal_quantile(uniform(key, P_OPEN));
        double end = people[3] + people[4] * normal_quantile(uniform(key, P_CLOSE));
        low = (i64)floor_divide(begin * 1e9, (double)period);
        low = MIN(MAX(low, 0), cycles - 1);
        high = (i64)floor_divide(end * 1e9, (double)period);
        high = MIN(MAX(high, low + 1), cycles);
        double stays = a->left_open[a->access_class[access]];
        last = stays > 0.0 && uniform(key, P_LEFT_OPEN) < stays ? cycles : high;
      } else {
        high = last = low;
      }
    }
    a->open[access] = day * DAY + low * period + a->access_phase[access];
    a->away[access] = day * DAY + high * period + a->access_phase[access];
    a->close[access] = day * DAY + last * period + a->access_phase[access];
    if (last > low) {
      lowest = MIN(lowest, low);
      highest = MAX(highest, last);
    }
  }
  at[0] = day * cycles + MIN(lowest, highest);
  at[2] = day * cycles + highest;
  at[1] = 0;
}

INLINE i64 kind_of(const Arrays *a, i64 access, i64 t, int opened) {
  if (t == a->open[access] && !opened) return KIND_OPEN;
  return t < a->away[access] ? KIND_POLL : KIND_ALONE;
}

INLINE i64 poll_key(const Arrays *a, i64 access, i64 cycle, i64 kind) {
  return mix(mix(a->run_key[0], a->access_identity[access]), (cycle << 2) + (kind != KIND_OPEN));
}

static void next_poll(const Arrays *a, const Sizes *n, i64 stream) {
  const i64 *poll = a->polls + stream * POLL_COLUMNS;
  i64 *at = a->poll_at + stream * 4;
  i64 period = poll[POLL_PERIOD], first = poll[POLL_FIRST], count = poll[POLL_COUNT];
  int always = poll[POLL_ALWAYS] == 1;
  i64 horizon = a->horizon[0];
  for (;;) {
    i64 cycle = at[0], index = at[1], base;
    if (cycle >= at[2]) {
      i64 day = at[3];
      if (day * DAY >= horizon) {
        a->next[stream] = NEVER;
        return;
      }
      open_day(a, n, stream, day);
      at[3] = day + 1;
      continue;
    }
    base = cycle * period;
    for (i64 i = index; i < count; i++) {
      i64 access = first + i, t = base + a->access_phase[access], opening = a->open[access];
      i64 kind, class_;
      if (t < opening || t >= a->close[access]) continue;
      kind = kind_of(a, access, t, always && cycle > 0);
      class_ = a->access_class[access];
      if (a->entry[class_ * KINDS + kind] < 0) continue;
      if (kind != KIND_OPEN && a->visit[class_] < 1.0 &&
          uniform(poll_key(a, access, cycle, kind), P_VISIT) >= a->visit[class_])
        continue;
      if (t >= horizon) {
        a->next[stream] = NEVER;
        return;
      }
      at[1] = i + 1;
      a->next[stream] = t;
      return;
    }
    at[0] = cycle + 1;
    at[1] = 0;
  }
}

static void next_send(const Arrays *a, const Sizes *n, i64 stream) {
  i64 *at = a->send_at + stream * 3;
  i64 hour = at[0], left, number;
  double u, position;
  while (at[1] == 0) {
    hour++;
    a->position[stream] = 0.0;
    if (hour >= n->hours) {
      a->next[n->polls + stream] = NEVER;
      return;
    }
    at[1] = a->send_counts[stream * n->hours + hour];
  }
  at[0] = hour;
  left = at[1];
  number = at[2];
  u = uniform(mix(mix(a->run_key[0], -1 - stream), number), P_GAP);
  position = 1.0 - (1.0 - a->position[stream]) * exp(log(u) / (double)left);
  a->position[stream] = position;
  at[1] = left - 1;
  at[2] = number + 1;
  a->next[n->polls + stream] = hour * HOUR + (i64)(position * (double)HOUR);
}

INLINE void take_poll(const Arrays *a, i64 stream, i64 t) {
  const i64 *poll = a->polls + stream * POLL_COLUMNS;
  const i64 *at = a->poll_at + stream * 4;
  i64 access = poll[POLL_FIRST] + at[1] - 1, cycle = at[0];
  int always = poll[POLL_ALWAYS] == 1;
  i64 kind = kind_of(a, access, t, always && cycle > 0);
  a->pending[0] = access;
  a->pending[1] = kind;
  a->pending[2] = poll_key(a, access, cycle, kind);
  a->pending[3] = always ? a->horizon[0] : a->close[access];
  a->pending[4] = a->access_operator[access];
}

INLINE void take_send(const Arrays *a, const Sizes *n, i64 stream, i64 t) {
  i64 key = mix(mix(a->run_key[0], -1 - stream), a->send_at[stream * 3 + 2] - 1);
  i64 rank = (i64)(pow(uniform(key, P_SENDER), a->sender_exponent[0]) *
                   (double)a->sends[stream * SEND_COLUMNS + SEND_COUNT]);
  i64 sender = a->senders[a->sends[stream * SEND_COLUMNS + SEND_FIRST] + rank];
  i64 drawn = (i64)(uniform(key, P_RECIPIENT) *
                    (double)a->sends[stream * SEND_COLUMNS + SEND_AMONG]);
  i64 other = a->recipients[a->sends[stream * SEND_COLUMNS + SEND_FROM] + drawn];
  int answers = a->sends[stream * SEND_COLUMNS + SEND_ANSWERS] == 1;
  a->pending[0] = answers ? other : sender;
  a->pending[1] = answers ? KIND_RECEIPT : KIND_SEND;
  a->pending[2] = key;
  a->pending[3] = t;
  a->pending[4] = a->access_operator[answers ? sender : other];
}

INLINE void pop_arrival(const Arrays *a, const Sizes *n, i64 stream) {
  i64 t = a->next[stream];
  a->pending[5] = t;
  if (stream < n->polls) {
    take_poll(a, stream, t);
    next_poll(a, n, stream);
  } else {
    take_send(a, n, stream - n->polls, t);
    next_send(a, n, stream - n->polls);
  }
}

/* ------------------------------------------------------------------ books */

INLINE i64 bin_index(i64 duration) {
  i64 value = MAX(duration, 0) >> UNIT_BITS, shift, index;
  if (value < ((i64)1 << SUB_BITS)) return value;
  shift = 64 - __builtin_clzll((u64)value) - SUB_BITS - 1;
  index = ((shift + 1) << SUB_BITS) + (value >> shift) - ((i64)1 << SUB_BITS);
  return MIN(index, BINS - 1);
}

INLINE void book_connection(const Arrays *a, const Sizes *n, i64 endpoint, i64 role, i64 t) {
  i64 *e = a->endpoints + endpoint * ENDPOINT_COLUMNS;
  i64 second = t / SECOND, minute;
  e[E_SESSIONS]++;
  e[E_NOW]++;
  e[E_PEAK] = MAX(e[E_PEAK], e[E_NOW]);
  if (e[E_SECOND] != second) {
    e[E_SECOND] = second;
    e[E_IN_SECOND] = 0;
  }
  e[E_IN_SECOND]++;
  e[E_PEAK_SECOND] = MAX(e[E_PEAK_SECOND], e[E_IN_SECOND]);
  minute = MIN(t / MINUTE, n->minutes - 1);
  a->role_minutes[role * n->minutes + minute]++;
  a->role_now[role]++;
  a->role_connections[role * n->minutes + minute] =
      (i32)MAX(a->role_connections[role * n->minutes + minute], a->role_now[role]);
}

INLINE void book_disconnection(const Arrays *a, const Sizes *n, i64 endpoint, i64 role, i64 t) {
  i64 minute = MIN(t / MINUTE, n->minutes - 1);
  a->endpoints[endpoint * ENDPOINT_COLUMNS + E_NOW]--;
  a->role_connections[role * n->minutes + minute] =
      (i32)MAX(a->role_connections[role * n->minutes + minute], a->role_now[role]);
  a->role_now[role]--;
}

INLINE void book_queue(const Arrays *a, i64 pool, i64 length, i64 t) {
  i64 *p = a->pools + pool * POOL_COLUMNS;
  p[POOL_QUEUE_AREA] += length * (t - p[POOL_CHANGED]);
  p[POOL_CHANGED] = t;
}

INLINE void book_service(const Arrays *a, i64 station, i64 start, i64 wait, i64 service) {
  i64 *s = a->stations + station * STATION_COLUMNS, minute = start / MINUTE;
  s[STATION_SERVED]++;
  s[STATION_WAIT] += wait;
  s[STATION_WAITED] += wait > 0;
  s[STATION_BUSY] += service;
  if (s[STATION_MINUTE] != minute) {
    s[STATION_MINUTE] = minute;
    s[STATION_BUSY_MINUTE] = 0;
  }
  s[STATION_BUSY_MINUTE] += service;
  s[STATION_PEAK_MINUTE] = MAX(s[STATION_PEAK_MINUTE], s[STATION_BUSY_MINUTE]);
}

/* ------------------------------------------------------------------ events */

INLINE int earlier(const i64 *x, const i64 *y) {
  return x[0] < y[0] || (x[0] == y[0] && x[1] < y[1]);
}

INLINE void heap_push(i64 *heap, i64 n, i64 t, i64 tag) {
  i64 i = n;
  while (i > 0) {
    i64 parent = (i - 1) >> 2;
    if (heap[2 * parent] < t || (heap[2 * parent] == t && heap[2 * parent + 1] < tag)) break;
    heap[2 * i] = heap[2 * parent];
    heap[2 * i + 1] = heap[2 * parent + 1];
    i = parent;
  }
  heap[2 * i] = t;
  heap[2 * i + 1] = tag;
}

INLINE void heap_pop(i64 *heap, i64 n) {
  i64 last = n - 1, t = heap[2 * last], tag = heap[2 * last + 1], i = 0;
  for (;;) {
    i64 child = (i << 2) + 1, best = child;
    if (child >= last) break;
    for (i64 other = child + 1; other < MIN(child + 4, last); other++)
      if (earlier(heap + 2 * other, heap + 2 * best)) best = other;
    if (t < heap[2 * best] || (t == heap[2 * best] && tag < heap[2 * best + 1])) break;
    heap[2 * i] = heap[2 * best];
    heap[2 * i + 1] = heap[2 * best + 1];
    i = best;
  }
  heap[2 * i] = t;
  heap[2 * i + 1] = tag;
}

INLINE void schedule_late(const Arrays *a, i64 session, i64 t) {
  i64 *c = a->counters, tag;
  c[N_SCHEDULED]++;
  tag = (c[N_SCHEDULED] << SLOT_BITS) | session;
  ROW(session, F_EVENT) = tag;
  heap_push(a->heap, c[N_FAR], t, tag);
  c[N_FAR]++;
}

INLINE void schedule(const Arrays *a, i64 session, i64 t) {
  i64 *c = a->counters, number = t >> BUCKET_BITS, place, here;
  if (number - (c[N_NOW] >> BUCKET_BITS) >= BUCKETS) {
    schedule_late(a, session, t);
    return;
  }
  c[N_SCHEDULED]++;
  ROW(session, F_EVENT) = (c[N_SCHEDULED] << SLOT_BITS) | session;
  ROW(session, F_DUE) = t;
  place = number & (BUCKETS - 1);
  here = a->bucket[place];
  if (here < 0 || t < ROW(here, F_DUE)) {
    ROW(session, F_LINK) = here;
    a->bucket[place] = (i32)session;
    a->occupied[place >> 6] |= (i64)((u64)1 << (place & 63));
  } else {
    i64 before = here;
    here = ROW(before, F_LINK);
    while (here >= 0 && ROW(here, F_DUE) <= t) {
      before = here;
      here = ROW(before, F_LINK);
    }
    ROW(session, F_LINK) = here;
    ROW(before, F_LINK) = session;
  }
  if (c[N_NEAR] == 0 || number < c[N_FIRST_BUCKET]) c[N_FIRST_BUCKET] = number;
  c[N_NEAR]++;
}

INLINE void pop_near(const Arrays *a) {
  i64 *c = a->counters, number = c[N_FIRST_BUCKET], place = number & (BUCKETS - 1);
  i64 after = ROW((i64)a->bucket[place], F_LINK), word, found;
  u64 bits;
  a->bucket[place] = (i32)after;
  c[N_NEAR]--;
  if (after >= 0) return;
  word = place >> 6;
  a->occupied[word] &= ~(i64)((u64)1 << (place & 63));
  if (c[N_NEAR] == 0) return;
  bits = (u64)a->occupied[word] & (~(u64)0 << (place & 63));
  while (bits == 0) {
    word = (word + 1) & (WORDS - 1);
    bits = (u64)a->occupied[word];
  }
  found = (word << 6) + __builtin_ctzll(bits);
  c[N_FIRST_BUCKET] = number + ((found - place) & (BUCKETS - 1));
}

/* ------------------------------------------------------------------ sessions */

INLINE void serve(const Arrays *a, i64 station, i64 end) {
  i64 *free = a->free + a->server_offset[station], n = a->servers[station], i = 0;
  for (;;) {
    i64 child = 2 * i + 1;
    if (child >= n) break;
    if (child + 1 < n && free[child + 1] < free[child]) child++;
    if (end <= free[child]) break;
    free[i] = free[child];
    i = child;
  }
  free[i] = end;
}

INLINE i64 new_session(const Arrays *a, i64 access, i64 kind, i64 key, i64 t, i64 until, i64 peer,
                       i64 pc) {
  i64 session = a->vacant[--a->counters[N_VACANT]];
  ROW(session, F_PC) = pc;
  ROW(session, F_ACCESS) = access;
  ROW(session, F_KEY) = key;
  ROW(session, F_START) = t;
  ROW(session, F_UNTIL) = until;
  ROW(session, F_LIMIT) = NEVER;
  ROW(session, F_POOL) = -1;
  ROW(session, F_ROUND) = 0;
  ROW(session, F_PEER) = peer;
  ROW(session, F_KIND) = kind;
  ROW(session, F_LOGIN) = -1;
  ROW(session, F_CAUSE) = -1;
  for (int phase = 0; phase < PHASES; phase++) ROW(session, F_PHASE0 + phase) = 0;
  return session;
}

INLINE void leave(const Arrays *a, const Sizes *n, i64 session, i64 t) {
  i64 *c = a->counters;
  if (n->trace > 0) {
    i64 *row = a->trace + c[N_TRACED] * (9 + PHASES);
    row[0] = ROW(session, F_ACCESS);
    row[1] = ROW(session, F_KIND);
    row[2] = ROW(session, F_KEY);
    row[3] = ROW(session, F_START);
    row[4] = ROW(session, F_LOGIN);
    row[5] = t;
    row[6] = ROW(session, F_CAUSE);
    row[7] = ROW(session, F_ROUND);
    row[8] = ROW(session, F_PEER);
    for (int phase = 0; phase < PHASES; phase++) row[9 + phase] = ROW(session, F_PHASE0 + phase);
    c[N_TRACED]++;
  }
  a->vacant[c[N_VACANT]] = (i32)session;
  c[N_VACANT]++;
}

INLINE i64 owner_of(const Arrays *a, i64 session, i64 scope) {
  if (scope == 1) return a->access_operator[ROW(session, F_ACCESS)];
  if (scope == 2) return ROW(session, F_PEER);
  return 0;
}

INLINE i64 duration(const Arrays *a, i64 session, i64 pc) {
  i64 law = CODE(pc, C_LAW);
  if (law < 0) return CODE(pc, C_FIXED);
  return CODE(pc, C_FIXED) +
         sample((i64)LAWS(law, 0), LAWS(law, 1), LAWS(law, 2), LAWS(law, 3), ROW(session, F_KEY),
                CODE(pc, C_PURPOSE) + ROUNDS * ROW(session, F_ROUND));
}

INLINE void unlink_waiting(const Arrays *a, i64 pool, i64 session) {
  i64 before = ROW(session, F_PREV), after = ROW(session, F_NEXT);
  if (before >= 0) ROW(before, F_NEXT) = after;
  else a->queue_head[pool] = after;
  if (after >= 0) ROW(after, F_PREV) = before;
  else a->queue_tail[pool] = before;
  a->queue_length[pool]--;
  ROW(session, F_POOL) = -1;
}

INLINE void enqueue(const Arrays *a, i64 pool, i64 session, i64 t) {
  i64 tail = a->queue_tail[pool];
  book_queue(a, pool, a->queue_length[pool], t);
  ROW(session, F_PREV) = tail;
  ROW(session, F_NEXT) = -1;
  if (tail >= 0) ROW(tail, F_NEXT) = session;
  else a->queue_head[pool] = session;
  a->queue_tail[pool] = session;
  a->queue_length[pool]++;
  ROW(session, F_POOL) = pool;
  ROW(session, F_SINCE) = t;
  if (ROW(session, F_LIMIT) < NEVER) schedule_late(a, session, ROW(session, F_LIMIT));
  else ROW(session, F_EVENT) = -1;
}

INLINE void hand_over(const Arrays *a, const Sizes *n, i64 pool, i64 t) {
  i64 session = a->queue_head[pool], wait, pc, endpoint, *p = a->pools + pool * POOL_COLUMNS;
  if (session < 0) {
    a->in_use[pool]--;
    return;
  }
  book_queue(a, pool, a->queue_length[pool], t);
  unlink_waiting(a, pool, session);
  wait = t - ROW(session, F_SINCE);
  ROW(session, F_PHASE0 + PHASE_SLOT) += wait;
  p[POOL_GRANTED]++;
  p[POOL_WAITED]++;
  p[POOL_WAIT] += wait;
  pc = ROW(session, F_PC);
  endpoint = CODE(pc, C_EXTRA) + owner_of(a, session, CODE(pc, C_SCOPE));
  book_connection(a, n, endpoint, a->endpoint_role[endpoint], t);
  ROW(session, F_PC) = pc + 1;
  schedule(a, session, t);
}

INLINE void abandon(const Arrays *a, i64 session, i64 t) {
  i64 pool = ROW(session, F_POOL), pc = ROW(session, F_PC), wait, endpoint;
  i64 *p = a->pools + pool * POOL_COLUMNS;
  book_queue(a, pool, a->queue_length[pool], t);
  unlink_waiting(a, pool, session);
  wait = t - ROW(session, F_SINCE);
  ROW(session, F_PHASE0 + PHASE_SLOT) += wait;
  p[POOL_ABANDONED]++;
  p[POOL_LOST_WAIT] += wait;
  endpoint = CODE(pc, C_EXTRA) + owner_of(a, session, CODE(pc, C_SCOPE));
  a->endpoints[endpoint * ENDPOINT_COLUMNS + E_ABANDONED]++;
  ROW(session, F_PC) = ROW(session, F_HANDLER);
  ROW(session, F_LIMIT) = NEVER;
}

INLINE void mark(const Arrays *a, const Sizes *n, i64 session, i64 pc, i64 t) {
  i64 op = a->access_operator[ROW(session, F_ACCESS)], bin = a->operator_bin[op];
  i64 group = CODE(pc, C_GROUP);
  i64 latency = t - ROW(session, F_START), person = ROW(session, F_PHASE0 + PHASE_PERSON);
  i64 machine = latency - person;
  i64 login = (bin * n->groups + group) * 2, count = (op * n->groups + group) * 2;
  a->logins[login * BINS + bin_index(machine)]++;
  a->login_count[count]++;
  a->login_time[count] += machine;
  if (CODE(pc, C_EXTRA) == 1 || person > 0) {
    a->logins[(login + 1) * BINS + bin_index(latency)]++;
    a->login_count[count + 1]++;
    a->login_time[count + 1] += latency;
  }
  for (int phase = 0; phase < PHASES; phase++) {
    i64 spent = ROW(session, F_PHASE0 + phase);
    if (spent > 0) {
      a->phases[(group * PHASES + phase) * BINS + bin_index(spent)]++;
      a->phase_time[group * PHASES + phase] += spent;
    }
  }
  ROW(session, F_LOGIN) = t;
}

INLINE void spawn(const Arrays *a, const Sizes *n, i64 session, i64 pc, i64 t) {
  for (i64 number = 0; number < CODE(pc, C_EXTRA); number++) {
    i64 key = mix(ROW(session, F_KEY), (CODE(pc, C_PURPOSE) << 8) + number);
    i64 entry = CODE(pc, C_INDEX), peer = ROW(session, F_PEER), child;
    if (CODE(pc, C_SCOPE) == 1)
      peer = a->access_operator[a->recipients[(i64)(uniform(key, P_RECIPIENT) *
                                                    (double)n->recipients)]];
    child = new_session(a, ROW(session, F_ACCESS), KIND_SPAWNED, key, t, ROW(session, F_UNTIL),
                        peer, entry);
    a->sessions[CODE(entry, C_GROUP)]++;
    schedule(a, child, t);
  }
}

static void advance(const Arrays *a, const Sizes *n, i64 session, i64 now) {
  i64 t = now, pc = ROW(session, F_PC);
  for (;;) {
    i64 op = CODE(pc, C_OP);
    if (op <= OP_SERVE) {
      i64 wait = 0, spent, end, phase;
      if (op == OP_HOLD) {
        i64 until = CODE(pc, C_EXTRA) == 1 ? ROW(session, F_READY) : ROW(session, F_UNTIL);
        spent = MAX(0, until - t);
      } else if (op == OP_SERVE && t > now) {
        break;
      } else {
        spent = duration(a, session, pc);
        if (op == OP_SERVE) {
          i64 station = CODE(pc, C_INDEX) + owner_of(a, session, CODE(pc, C_SCOPE)), start;
          i64 shared = a->server_offset[station];
          start = MAX(t, a->free[shared]);
          i64 moment = MIN(start >> a->moment[0], n->moments - 1);
          spent = (spent * a->server_time[station * n->moments + moment]) >> PACE_BITS;
          if (start > t)
            spent = (spent * a->follow_time[2 * station + (a->last[shared] == a->kind[station])]) >> PACE_BITS;
          a->last[shared] = a->kind[station];
          serve(a, station, start + spent);
          wait = start - t;
          book_service(a, station, start, wait, spent);
        } else if (CODE(pc, C_HALF_TRIPS) > 0) {
          spent += CODE(pc, C_HALF_TRIPS) * a->access_rtt[ROW(session, F_ACCESS)] / 2;
        }
      }
      end = t + wait + spent;
      phase = CODE(pc, C_PHASE);
      pc++;
      if (end >= ROW(session, F_LIMIT)) {
        end = ROW(session, F_LIMIT);
        pc = ROW(session, F_HANDLER);
        ROW(session, F_LIMIT) = NEVER;
      }
      if (phase >= 0) ROW(session, F_PHASE0 + phase) += end - t;
      t = end;
      continue;
    }
    switch (op) {
      case OP_MARK:
        mark(a, n, session, pc, t);
        pc++;
        continue;
      case OP_BRANCH:
        pc = uniform(ROW(session, F_KEY), CODE(pc, C_PURPOSE) + ROUNDS * ROW(session, F_ROUND)) <
                     LAWS(CODE(pc, C_LAW), 4)
                 ? CODE(pc, C_TARGET)
                 : pc + 1;
        continue;
      case OP_GOTO:
        pc = CODE(pc, C_TARGET);
        continue;
      case OP_HAS:
        pc = a->access_features[ROW(session, F_ACCESS)] & CODE(pc, C_INDEX) ? CODE(pc, C_TARGET)
                                                                            : pc + 1;
        continue;
      case OP_DEADLINE:
        ROW(session, F_LIMIT) = t + duration(a, session, pc);
        ROW(session, F_HANDLER) = CODE(pc, C_TARGET);
        pc++;
        continue;
      case OP_CLEAR:
        ROW(session, F_LIMIT) = NEVER;
        pc++;
        continue;
      case OP_DURING: {
        i64 target = pc + 1;
        for (i64 window = 0; window < n->outages; window++) {
          const i64 *outage = a->outages + 3 * window;
          if (outage[0] == CODE(pc, C_INDEX) && outage[1] <= t && t < outage[2])
            target = CODE(pc, C_TARGET);
        }
        pc = target;
        continue;
      }
      case OP_ASK:
        ROW(session, F_ASKED) = t;
        ROW(session, F_READY) = t + duration(a, session, pc);
        if (uniform(ROW(session, F_KEY), CODE(pc, C_EXTRA) + ROUNDS * ROW(session, F_ROUND)) <
            LAWS(CODE(pc, C_LAW), 4))
          ROW(session, F_READY) = NEVER;
        pc++;
        continue;
      case OP_PENDING:
        pc = t < ROW(session, F_READY) ? CODE(pc, C_TARGET) : pc + 1;
        continue;
      case OP_SETTLE: {
        i64 answered = MIN(ROW(session, F_READY), t);
        ROW(session, F_PHASE0 + PHASE_PERSON) += answered - ROW(session, F_ASKED);
        ROW(session, F_PHASE0 + PHASE_BACKEND) += t - answered;
        pc++;
        continue;
      }
      case OP_RETRY:
        if (ROW(session, F_ROUND) < CODE(pc, C_INDEX)) {
          ROW(session, F_ROUND)++;
          pc = CODE(pc, C_TARGET);
        } else {
          pc++;
        }
        continue;
      case OP_FAIL:
        a->failures[CODE(pc, C_GROUP) * n->causes + CODE(pc, C_PHASE)]++;
        ROW(session, F_CAUSE) = CODE(pc, C_PHASE);
        pc++;
        continue;
      case OP_DELIVER: {
        i64 age = t - ROW(session, F_START);
        a->deliveries[bin_index(age)]++;
        a->delivery[0]++;
        a->delivery[1] += age;
        pc++;
        continue;
      }
      case OP_END:
        leave(a, n, session, t);
        return;
      case OP_TODAY: {
        i64 key = mix(mix(a->run_key[0], a->access_identity[ROW(session, F_ACCESS)]), t / DAY);
        pc = uniform(key, CODE(pc, C_PURPOSE)) < LAWS(CODE(pc, C_LAW), 4) ? CODE(pc, C_TARGET)
                                                                         : pc + 1;
        continue;
      }
      case OP_ENTER:
      case OP_EXIT:
        if (a->access_limits[ROW(session, F_ACCESS) * n->limits + CODE(pc, C_INDEX)] < 0) {
          pc++;
          continue;
        }
    }
    if (t > now) break; /* what is shared waits for its instant */
    if (op == OP_ACQUIRE) {
      i64 owner = owner_of(a, session, CODE(pc, C_SCOPE)), pool = CODE(pc, C_INDEX) + owner;
      i64 endpoint = CODE(pc, C_EXTRA) + owner;
      if (a->in_use[pool] < a->pool_slots[pool]) {
        a->in_use[pool]++;
        a->pools[pool * POOL_COLUMNS + POOL_GRANTED]++;
        if (a->in_use[pool] > a->pools[pool * POOL_COLUMNS + POOL_PEAK])
          a->pools[pool * POOL_COLUMNS + POOL_PEAK] = a->in_use[pool];
        book_connection(a, n, endpoint, a->endpoint_role[endpoint], t);
        pc++;
      } else if (a->queue_length[pool] >= a->pool_backlog[pool]) {
        a->pools[pool * POOL_COLUMNS + POOL_REFUSED]++;
        a->endpoints[endpoint * ENDPOINT_COLUMNS + E_REFUSED]++;
        pc = CODE(pc, C_TARGET);
      } else {
        ROW(session, F_PC) = pc;
        enqueue(a, pool, session, t);
        return;
      }
    } else if (op == OP_RELEASE) {
      i64 owner = owner_of(a, session, CODE(pc, C_SCOPE)), endpoint = CODE(pc, C_EXTRA) + owner;
      book_disconnection(a, n, endpoint, a->endpoint_role[endpoint], t);
      hand_over(a, n, CODE(pc, C_INDEX) + owner, t);
      pc++;
    } else if (op == OP_ENTER || op == OP_EXIT) {
      i64 counter = a->access_limits[ROW(session, F_ACCESS) * n->limits + CODE(pc, C_INDEX)];
      if (op == OP_EXIT) {
        a->entered[counter]--;
        pc++;
      } else if (a->entered[counter] < a->limits[counter]) {
        a->entered[counter]++;
        pc++;
      } else {
        pc = CODE(pc, C_TARGET);
      }
    } else if (op == OP_SPAWN) {
      spawn(a, n, session, pc, t);
      pc++;
    } else {
      i64 *reg = a->registers + ROW(session, F_ACCESS) * n->registers + CODE(pc, C_INDEX);
      if (op == OP_FRESH) {
        pc = t - *reg < CODE(pc, C_FIXED) ? CODE(pc, C_TARGET) : pc + 1;
      } else if (op == OP_STAMP) {
        *reg = t;
        pc++;
      } else { /* ONCE */
        i64 window = t / CODE(pc, C_FIXED);
        if (*reg == window) {
          pc = CODE(pc, C_TARGET);
        } else {
          *reg = window;
          pc++;
        }
      }
    }
  }
  ROW(session, F_PC) = pc;
  schedule(a, session, t);
}

INLINE i64 first_stream(const Arrays *a, const Sizes *n) {
  i64 first = 0;
  for (i64 stream = 1; stream < n->polls + n->sends; stream++)
    if (a->next[stream] < a->next[first]) first = stream;
  return first;
}

/* 0 done, 1 more session rows or heap entries wanted, 2 trace to be emptied. */
i64 run_until(const Arrays *a, const Sizes *n, i64 instant, i64 spare) {
  i64 *c = a->counters, stream = first_stream(a, n);
  for (;;) {
    i64 arrival = a->next[stream], event = NEVER, tag = 0, session, now;
    int late;
    if (c[N_VACANT] < spare || n->heap - c[N_FAR] < spare) return 1;
    if (n->trace > 0 && n->trace - c[N_TRACED] < spare) return 2;
    if (c[N_NEAR] > 0) {
      i64 first = a->bucket[c[N_FIRST_BUCKET] & (BUCKETS - 1)];
      event = ROW(first, F_DUE);
      tag = ROW(first, F_EVENT);
    }
    late = c[N_FAR] > 0 && (a->heap[0] < event || (a->heap[0] == event && a->heap[1] < tag));
    if (late) {
      event = a->heap[0];
      tag = a->heap[1];
    }
    if (MIN(arrival, event) >= instant) return 0;
    if (event <= arrival) {
      now = event;
      c[N_NOW] = now;
      if (late) {
        heap_pop(a->heap, c[N_FAR]);
        c[N_FAR]--;
      } else {
        pop_near(a);
      }
      session = tag & (((i64)1 << SLOT_BITS) - 1);
      if (ROW(session, F_EVENT) != tag) continue;
      if (ROW(session, F_POOL) >= 0) abandon(a, session, now);
    } else {
      i64 entry;
      now = arrival;
      c[N_NOW] = now;
      pop_arrival(a, n, stream);
      stream = first_stream(a, n);
      entry = a->entry[a->access_class[a->pending[0]] * KINDS + a->pending[1]];
      if (entry < 0) continue;
      session = new_session(a, a->pending[0], a->pending[1], a->pending[2], now, a->pending[3],
                            a->pending[4], entry);
      a->sessions[CODE(entry, C_GROUP)]++;
    }
    advance(a, n, session, now);
  }
}
