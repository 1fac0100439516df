/* SPDX-License-Identifier: Apache-2.0
 * The door of sim/: what moves time.  Code outside sim/ includes this file and no other of the
 * folder, except the leaf headers sim/status.h, sim/rng.h, sim/dmath.h and sim/variate.h that host
 * and device share. */
#ifndef HACASIM_SIM_SIM_H
#define HACASIM_SIM_SIM_H

#include "sim/arena.h"
#include "sim/batch.h"
#include "sim/diag.h"
#include "sim/dist.h"
#include "sim/dmath.h"
#include "sim/event.h"
#include "sim/hist.h"
#include "sim/interval.h"
#include "sim/json.h"
#include "sim/json_read.h"
#include "sim/level.h"
#include "sim/money.h"
#include "sim/mser.h"
#include "sim/param.h"
#include "sim/rng.h"
#include "sim/snap.h"
#include "sim/status.h"
#include "sim/tally.h"
#include "sim/variate.h"

#endif
