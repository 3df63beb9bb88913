/* ggx/ggx.h - the whole frozen ABI in one include. Draft interfaces lie in draft/ and are included by name. */
#ifndef GGX_GGX_H
#define GGX_GGX_H

#include "base.h"
#include "host.h"
#include "options.h"
#include "plugin.h"
#include "reader.h"
#include "source.h"
#include "tensor.h"
#include "writer.h"

#endif
