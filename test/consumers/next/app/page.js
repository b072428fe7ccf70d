export default function Page() {
  return <p>headwater</p>
}
