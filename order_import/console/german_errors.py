"""German: what was done, and what cannot be."""

from collections.abc import Mapping

GERMAN_ERRORS: Mapping[str, str] = {
    "signed in": "meldete sich an",
    "signed out": "meldete sich ab",
    "looked at the buyer": "sah den Käufer an",
    "searched by a buyer's name": "suchte nach einem Käufer",
    "turned import on": "schaltete den Import ein",
    "turned import off": "schaltete den Import aus",
    "turned import of non-Amazon orders on": (
        "schaltete den Import von Nicht-Amazon-Bestellungen ein"
    ),
    "turned import of non-Amazon orders off": (
        "schaltete den Import von Nicht-Amazon-Bestellungen aus"
    ),
    "Import of non-Amazon orders is being turned on. It takes a moment to show.": (
        "Der Import von Nicht-Amazon-Bestellungen wird eingeschaltet. Es dauert einen Augenblick."
    ),
    "Import of non-Amazon orders is being turned off. It takes a moment to show.": (
        "Der Import von Nicht-Amazon-Bestellungen wird ausgeschaltet. Es dauert einen Augenblick."
    ),
    "enabled a product": "aktivierte ein Produkt",
    "The product is enabled. Orders that wait on it are judged again within moments.": (
        "Das Produkt ist aktiviert. Wartende Bestellungen werden sogleich neu beurteilt."
    ),
    "Enable the product": "Produkt aktivieren",
    "It is told on commerce.products. Enable it in Commerce too: what is told next replaces it.": (
        "Das wird auf commerce.products mitgeteilt. Aktivieren Sie es auch in Commerce: Was als "
        "Nächstes mitgeteilt wird, ersetzt es."
    ),
    "counts as of {age} ago": "gezählt vor {age}",
    "matched a seller SKU": "ordnete eine Händler-SKU zu",
    "started a replay": "begann eine Wiederholung",
    "canceled a replay": "brach eine Wiederholung ab",
    "drove dead letters again": "sendete unlesbare Nachrichten erneut",
    "asked for the next sync": "bat um den nächsten Abgleich",
    "exported orders": "lud Bestellungen herunter",
    "Import is being turned on. It takes a moment to show.": (
        "Der Import wird eingeschaltet. Es dauert einen Augenblick."
    ),
    "Import is being turned off. It takes a moment to show.": (
        "Der Import wird ausgeschaltet. Es dauert einen Augenblick."
    ),
    "The match was sent. Orders that wait on it are judged again within moments.": (
        "Die Zuordnung ist gesendet. Wartende Bestellungen werden sogleich neu beurteilt."
    ),
    "Nothing more of this replay is sent.": "Von dieser Wiederholung wird nichts mehr gesendet.",
    "Redriven. Refused again, a message comes back as a new dead letter.": (
        "Erneut gesendet. Wird sie wieder abgewiesen, kommt sie als neue zurück."
    ),
    "The blocked orders of this store are judged again now.": (
        "Die blockierten dieses Stores werden jetzt neu beurteilt."
    ),
    "All blocked orders are judged again now.": "Alle blockierten werden jetzt neu beurteilt.",
    "The replay has started.": "Die Wiederholung hat begonnen.",
    "Not JSON, or not UTF-8": "Kein JSON oder kein UTF-8",
    "JSON, but in no accepted form, or it says nothing that is read": (
        "JSON, aber in keiner bekannten Form, oder ohne etwas, das gelesen wird"
    ),
    "A field of an order is missing or wrong; the message names it": (
        "Ein Feld einer Bestellung fehlt oder ist falsch; die Meldung nennt es"
    ),
    "A field of a store, product, listing or order update is missing or wrong; "
    "the message names it": (
        "Ein Feld eines Stores, Produkts, Angebots oder Bestellstatus fehlt oder ist falsch; "
        "die Meldung nennt es"
    ),
    "Nothing names the store": "Nichts nennt den Store",
    "Another store has the order already; the message names both": (
        "Ein anderer Store hat die Bestellung schon; die Meldung nennt beide"
    ),
    "Above the limit": "Über der Grenze",
    "What it would make is in the database already, and nothing says where it came from": (
        "Was daraus würde, steht schon in der Datenbank, und nichts sagt, woher es kommt"
    ),
    "Damaged, or compressed in a way that cannot be undone": (
        "Beschädigt oder so gepackt, dass es nicht entpackt werden kann"
    ),
    "Fix the sender, and let it send JSON in UTF-8.": (
        "Den Sender berichtigen und JSON in UTF-8 senden lassen."
    ),
    "Fix the sender: Amazon's bodies are read in Amazon's own spelling, unchanged.": (
        "Den Sender berichtigen: Amazons Nachrichten werden unverändert und nur in Amazons eigener "
        "Schreibweise gelesen."
    ),
    "Fix the sender, and let it send the order again.": (
        "Den Sender berichtigen und die Bestellung noch einmal senden lassen."
    ),
    "Fix the sender, and let it send the message again.": (
        "Den Sender berichtigen und die Nachricht noch einmal senden lassen."
    ),
    "Send the store's settings to commerce.stores, then redrive.": (
        "Die Einstellungen des Stores an commerce.stores senden, dann erneut senden."
    ),
    "Let the sender name the store that has the order. Redriven unchanged, it is refused again.": (
        "Den Sender den Store nennen lassen, der die Bestellung hat. Unverändert erneut gesendet, "
        "wird sie wieder abgewiesen."
    ),
    "Let the sender send smaller pages.": "Den Sender kleinere Seiten senden lassen.",
    "Find out who wrote it: the worker's log names the collection and the key. Then redrive.": (
        "Herausfinden, wer es geschrieben hat: Das Log des Workers nennt Collection und Schlüssel. "
        "Dann erneut senden."
    ),
    "Let the sender send it again. Its topic, partition and offset say where it lies in Kafka.": (
        "Den Sender noch einmal senden lassen. Topic, Partition und Offset sagen, wo sie in Kafka "
        "liegt."
    ),
    "No such order was received.": "Eine solche Bestellung wurde nicht empfangen.",
    "There is no such page.": "Eine solche Seite gibt es nicht.",
    "Check the address, or begin at the dashboard.": (
        "Prüfen Sie die Adresse, oder beginnen Sie bei der Übersicht."
    ),
    "This cannot be asked for.": "Danach lässt sich nicht fragen.",
    "Go back, and try it from there.": "Gehen Sie zurück, und versuchen Sie es von dort.",
    "Something in this console broke.": "In dieser Konsole ging etwas schief.",
    "It was logged. Reload this page; if this stays, tell whoever runs the console.": (
        "Es steht im Log. Laden Sie die Seite neu; bleibt es so, sagen Sie es dem Betreiber."
    ),
    "Nothing is lost. Reload this page in a moment. If this stays, look at MongoDB.": (
        "Nichts ist verloren. Laden Sie die Seite gleich neu. Bleibt es so, sehen Sie nach MongoDB."
    ),
    "Try again in a moment: doing it twice does no harm. Pages can be read meanwhile.": (
        "Versuchen Sie es gleich noch einmal: Zweimal schadet nicht. Lesen geht weiterhin."
    ),
    "This took too long, and was given up.": "Das dauerte zu lange und wurde aufgegeben.",
    "Reload this page in a moment, or ask for less: one store, or some days.": (
        "Laden Sie die Seite gleich neu, oder fragen Sie nach weniger: einem Store, einigen Tagen."
    ),
    "This is more than is taken at once.": "Das ist mehr, als auf einmal angenommen wird.",
    "Choose less, and do the rest after it.": "Wählen Sie weniger, und den Rest danach.",
    "This link comes from another site.": "Dieser Link kommt von einer anderen Website.",
    "What it asks for is recorded, or costs much. Open it if it is what you want.": (
        "Wonach er fragt, wird aufgezeichnet oder kostet viel. Öffnen Sie ihn, wenn Sie es wollen."
    ),
    "Open it": "Öffnen",
    "Reload this page in a moment.": "Laden Sie die Seite gleich neu.",
    "Secrets that others can read": "Geheimnisse, die andere lesen können",
    "This address names no place in the list.": "Diese Adresse nennt keine Stelle der Liste.",
    "Begin at its first page.": "Beginnen Sie auf ihrer ersten Seite.",
    "There is no such Commerce order.": "Eine solche Commerce-Bestellung gibt es nicht.",
    "There is no such dead letter.": "Eine solche Nachricht gibt es nicht.",
    "There is no such order.": "Eine solche Bestellung gibt es nicht.",
    "There is no such replay.": "Eine solche Wiederholung gibt es nicht.",
    "There is no such store.": "Einen solchen Store gibt es nicht.",
    "There is no such group.": "Eine solche Gruppe gibt es nicht.",
    "There is no such line.": "Eine solche Position gibt es nicht.",
    "Nothing was chosen.": "Nichts wurde ausgewählt.",
    "Kafka does not answer.": "Kafka antwortet nicht.",
    "MongoDB does not answer.": "MongoDB antwortet nicht.",
    "This form has expired.": "Dieses Formular ist abgelaufen.",
    "The filter is wrong. Go back and mend it.": "Der Filter stimmt nicht. Gehen Sie zurück.",
    "These are more than 5,000 orders. Narrow the filter.": (
        "Das sind mehr als 5.000 Bestellungen. Engen Sie den Filter ein."
    ),
    "This takes too long. Narrow it, for example by dates.": (
        "Das dauert zu lange. Engen Sie es ein, zum Beispiel durch Daten."
    ),
    "Only blocked orders can be sorted by ship-by date.": (
        "Nur blockierte Bestellungen lassen sich nach dem spätesten Versand sortieren."
    ),
    "There is no field “{name}”. There are: {fields}": (
        "Es gibt kein Feld „{name}“. Es gibt: {fields}"
    ),
    "“{name}” is asked for twice.": "Nach „{name}“ wird zweimal gefragt.",
    "“{value}” is no {name}. There are: {known}": "„{value}“ ist kein {name}. Es gibt: {known}",
    "“{value}” is no amount. Expected 19.99.": "„{value}“ ist kein Betrag. Erwartet: 19.99.",
    "“{value}” is no currency. Expected EUR.": "„{value}“ ist keine Währung. Erwartet: EUR.",
    "“{value}” is no date. Expected 2026-11-22 or 2026-11-22T14:30.": (
        "„{value}“ ist kein Datum. Erwartet: 2026-11-22 oder 2026-11-22T14:30."
    ),
    "Say why, for those who look at this later.": "Sagen Sie, warum: für spätere Leser.",
    "Expected a number of units, 0 or more.": "Erwartet: eine Stückzahl, 0 oder mehr.",
    "Only operators search by buyer.": "Nur Bediener suchen nach Käufern.",
    "Name a catalog SKU.": "Nennen Sie eine Katalog-SKU.",
    "Name a store.": "Nennen Sie einen Store.",
    "This is no SKU.": "Das ist keine SKU.",
    "Too many tries. Wait five minutes.": "Zu viele Versuche. Warten Sie fünf Minuten.",
    "Name and password do not fit.": "Name und Passwort passen nicht zusammen.",
    "It is over already.": "Sie ist schon zu Ende.",
    "A topic is missing; run: order-import init": "Ein Topic fehlt; order-import init ausführen",
    "The replay was not begun.": "Die Wiederholung wurde nicht begonnen.",
}
