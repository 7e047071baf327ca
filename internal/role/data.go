package role

// Names in a data folder that more than one part has to know.
const (
	// RestoredFile says that the state is that of a backup; a hub that finds it
	// counts its deliveries from the start.
	RestoredFile = "restored"
	// WatchlistFolder holds a node's own watchlist.
	WatchlistFolder = "indicators"
)
