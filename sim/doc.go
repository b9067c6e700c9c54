// Package sim is Linux networking in one ordinary process: no privileges, no namespaces, no particular operating
// system.
//
// A [World] holds simulated machines ([Host]), the clock they share and the frames on their way. A Host implements
// kernel.Host, so that whatever is written over that contract runs here unchanged, deterministically and without
// leaving anything on the machine.
//
// # Two planes, one truth
//
// The control plane is plain tables, one noun a file: namespaces, links (veth, bridge, vlan, vxlan, dummy), VLANs and
// forwarding databases of bridges, addresses, routes, rules, neighbours, packet filters, sysctls, files, programs.
// Requests come as Linux takes them (attributes present or absent), and beside every rule stand Linux's errno and the
// function of the kernel that has the rule. The methods of kernel.NetNS are an adapter in front of those tables; no rule
// of Linux lives in the adapter.
//
// The packet plane is functions over the same tables: what a bridge does with a frame, which route and source address
// a packet takes, which MAC its next hop has, what is forwarded, which ICMP error comes back, what packet filters drop,
// reject and translate, hook by hook in Linux's order, of what is routed and, by br_netfilter, of what is bridged, and what
// conntrack knows of flows. Sockets are not ours: a namespace in which somebody listens, dials or pings gets a [Transport]
// (package sim/netstack), lazily. A namespace that only forwards has none. What of them package net would have, a test gets
// by [Sockets]: connections, listeners, an HTTP client.
//
// # What it leaves out
//
// Nobody can ask for these, since package kernel has no words for them: nexthop objects (ip-nexthop), IPv4 routes by IPv6
// gateways (RTA_VIA), sets and maps of nftables, queueing disciplines. Where Linux does more than the tables say:
// conntrack does not follow TCP's windows; the share of ICMP errors that a whole machine may send (icmp_msgs_per_sec) is not
// counted, only that of each receiver; and which of several IPv6 routes of one metric a flow takes is ours to choose.
// Router solicitations are sent, and nobody answers them, as where no program does: a test has its router advertise.
//
// Of the settings (sysctls) these can be read and written as on Linux, and change nothing: of net/ipv4/conf arp_accept,
// arp_evict_nocarrier, arp_filter, bc_forwarding, drop_gratuitous_arp, log_martians, proxy_arp_pvlan, secure_redirects,
// send_redirects and shared_media; of net/ipv6/conf accept_ra_rtr_pref, drop_unsolicited_na, ndisc_notify, optimistic_dad
// and proxy_ndp; bridge-nf-call-arptables, icmp_echo_ignore_broadcasts, ip_unprivileged_port_start, bindv6only and
// nf_conntrack_tcp_be_liberal.
//
// # Several machines
//
// The hosts of a world are joined by cables ([World.Cable]): Ethernet cards at both ends, and between them a delay, a share
// of frames that are lost, a rate with a queue in front of it. A cable can be cut and mended while all runs.
//
// # Time
//
// A World has its own clock: a queue of events ordered by time and, within one instant, by when they were asked for.
// Frames take [HopDelay] per hop. Virtual time moves on only while every actor (a goroutine that runs in the world,
// see [World.Go]) waits: then one of the waiting goroutines takes the next event and carries it out. Nothing happens in
// parallel, and the same seed gives the same bytes.
//
// # Many of everything
//
// What there can be thousands of is looked for, not gone through. Rules that packets meet are filed under what they want of
// them, the routes of a table are a tree, names and MACs are maps. A flood to all ports of a bridge is one event. What a
// packet costs among 1,000 rules and 10,000 flows, the first question across a bridge of 10,000 ports, 10,000 pods and a
// ping stands in harness/BENCH.md. A silent pod takes less than 4 KiB.
//
// # Locks
//
// One mutex guards a World's tables. It is never held while a Transport's code runs: what is to be delivered is taken
// out of the tables first, and a Transport may call its [Layer3] at any time from any goroutine.
package sim
